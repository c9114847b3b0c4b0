"""An MCP client of few words: evaluates code in the one session, or just stays connected.

Runs inside the container: `agent.py CODE` prints the answer; `agent.py` alone says `connected` and
stays until its standard input ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def main() -> int:
    """Speak; the exit code tells whether the answer is no error."""
    with subprocess.Popen(
        ["kaimon-mcp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as shim:
        assert shim.stdin
        assert shim.stdout

        def ask(number: int, method: str, **params: Any) -> dict[str, Any]:
            tell({"id": number, "method": method, "params": params})
            assert shim.stdout
            for line in shim.stdout:
                message: dict[str, Any] = json.loads(line)
                if message.get("id") == number:
                    return message
            raise SystemExit("kaimon-mcp has ended")

        def tell(message: dict[str, Any]) -> None:
            assert shim.stdin
            shim.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            shim.stdin.flush()

        client = {"name": "test-systemd", "version": "1"}
        ask(1, "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=client)
        tell({"method": "notifications/initialized"})
        if len(sys.argv) == 1:
            print("connected", flush=True)
            sys.stdin.read()
            return 0
        answer = ask(2, "tools/call", name="ex", arguments={"e": sys.argv[1], "q": False})
        result = answer.get("result", {"isError": True, "content": [{"text": str(answer)}]})
        print("\n".join(part.get("text", "") for part in result["content"]))
        shim.stdin.close()
        return int(bool(result.get("isError")))


if __name__ == "__main__":
    sys.exit(main())
