# For a tap that is this repository itself:
#
#   brew tap kaimon/kaimond ADDRESS-OR-PATH-OF-THIS-REPOSITORY
#   brew install kaimond
#
# Homebrew clones the repository, and the formula builds what it was cloned with. The Python packages
# that kaimond needs go into an environment of its own below libexec.
class Kaimond < Formula
  include Language::Python::Virtualenv

  desc "Live Julia sessions for AI coding agents"
  url "file://#{File.expand_path("../..", __dir__)}", using: :git, branch: "main"
  version "0.1.0"
  license "MIT"

  depends_on "python@3.13"

  def install
    virtualenv_create(libexec, "python3.13", without_pip: false)
    # With their wheels: what kaimond needs includes extensions in Rust and C++.
    system libexec/"bin/python", "-m", "pip", "install", "--no-compile", buildpath
    bin.install_symlink %w[kaimond kaimonctl kaimon-mcp].map { |name| libexec/"bin"/name }
    man1.install_symlink Dir[libexec/"share/man/man1/*"]
    man5.install_symlink Dir[libexec/"share/man/man5/*"]
    generate_completions_from_executable(bin/"kaimonctl", "completions", shells: [:bash, :zsh, :fish])
  end

  def caveats
    <<~EOS
      Agents start the daemon when they need it. To have it started at login:
        kaimonctl service install
      After an upgrade, sessions stay if you run:
        kaimonctl reload
    EOS
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/kaimonctl version")
    assert_match version.to_s, shell_output("#{bin}/kaimond --check")
    ENV["KAIMON_RUNTIME_DIR"] = (testpath/"run").to_s
    assert_match "not running", shell_output("#{bin}/kaimonctl status 2>&1", 3)
  end
end
