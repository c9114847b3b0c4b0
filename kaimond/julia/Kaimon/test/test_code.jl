using Kaimon: parse_code, hides_value, SyntaxProblem, soft_scope

@testset "a semicolon at the end hides the value" begin
    for code in ("1;", "1 ;", "1;\n", "1; # why", "1; #= why =#", "1; #= a #= b =# ; =# # c",
                 "x = 1; y = 2;", "\"a\";", "';';", "begin\n1\nend;", "1;\n# a\n# b;\n",
                 "a';", "`echo ;`;", "r\"#\";", "\"#\"; # #", "\"\"\"\n;\n\"\"\";", "1;;",
                 "using Test;", "struct A end;", "\"ä\";", "# a;\n1;", "#= ;# =# 1;",
                 "\$x;", "[1 2; 3 4];")
        @test hides_value(code)
    end
end

@testset "a semicolon in a comment, a string or inside brackets does not" begin
    for code in ("1", "1 # a;", "1 #;", "1 #= ; =#", "\"a;\"", "\"a;#\"", "\"#;\"", "';'",
                 "(1;\n# c\n)", "[1;\n2]", "begin 1; # c\nend", "1\n# a;\n# b;", "`a;`",
                 "\"\"\"\n1;\n\"\"\"", "1 #= ; =# # ;", "1 #;\n#;\n#;", ":(1;)", "x = \"# ;\" # ;",
                 "\"\"\"a; # b\n\"\"\"", "1 # #= ;", "# only;", "", "f(x; y=1)", "\"\$(1;)\"")
        @test !hides_value(code)
    end
end

@testset "many semicolons in a comment do not cost a parse each" begin
    # That many would take most of an hour.
    @test !hides_value("1\n" * "# commented = out;\n"^20_000)
end

@testset "code that does not parse says what and where" begin
    for (code, place) in (("1 + )", "1:5"), ("x = 1\ny = 2\nfor i in 1:3\n  foo(\nend", "5:1"),
                          ("ä = 1\n  )", "2:3"), ("f(", "1:2"), ("a = \"b\n\nc", "3:1"))
        try
            parse_code(code, "eval-1")
            @test false
        catch error
            @test error isa SyntaxProblem
            message = sprint(showerror, error)
            @test VERSION >= v"1.10" ? occursin("eval-1:", message) :
                occursin("eval-1:$place", message) && startswith(message, "syntax: ")
        end
    end
end

@testset "blank code is no code" begin
    for code in ("", " \n", "# c", "#= c =#")
        @test Core.eval(@__MODULE__, parse_code(code, "e")) === nothing
    end
end

@testset "loops assign to globals, as at the REPL" begin
    scratch = Module()
    code = "total = 0\nfor i in 1:4\n total += i\nend\ntotal"
    @test Core.eval(scratch, parse_code(code, "e")) == 10
end

@testset "what must stand at top level is left there" begin
    for code in ("module A end", "using Test", "export a", "import Test", "global a, b")
        @test soft_scope(Meta.parse(code)) == Meta.parse(code)
    end
end
