"""What differs between Linux and macOS: the same functions in one module per system.

* ``peer_user(sock)``: the user id and pid of the process at the other end of a Unix socket.
* ``process_start(pid)``: an opaque token that two processes with one pid never share.
* ``is_zombie(pid)``: whether the process has ended and waits for its parent.
* ``open_exit_watch(pid)``: a file descriptor that becomes readable when the process ends.
* ``has_ended(watch)``: whether the process of such a descriptor has ended.
* ``working_directory(pid)``: the process's current directory.
* ``be_nice(pid, niceness)``: give a process that leads a session less of the processors.
* ``executing(pid, looks)``: files whose code the main thread executes, "" for code in memory.
* ``is_pending(pid, number)``: whether a signal to it is still on its way; None if unknown.
* ``waits_for_events(pid)``: whether its main thread sleeps in an event loop.
* ``main_thread(pid)``: CPU time of the main thread, whether it sleeps, how often it has waited.
* ``terminals()``: how many pseudoterminals are open, and how many there may be.
"""

import sys

if sys.platform == "darwin":
    from kaimond.platform.darwin import (
        be_nice,
        executing,
        has_ended,
        is_pending,
        is_zombie,
        main_thread,
        open_exit_watch,
        peer_user,
        process_start,
        terminals,
        waits_for_events,
        working_directory,
    )
else:
    from kaimond.platform.linux import (
        be_nice,
        executing,
        has_ended,
        is_pending,
        is_zombie,
        main_thread,
        open_exit_watch,
        peer_user,
        process_start,
        terminals,
        waits_for_events,
        working_directory,
    )

__all__ = [
    "be_nice",
    "executing",
    "has_ended",
    "is_pending",
    "is_zombie",
    "main_thread",
    "open_exit_watch",
    "peer_user",
    "process_start",
    "terminals",
    "waits_for_events",
    "working_directory",
]
