"""Time and memory of other programs, and the tables they are written in.

Time is wall time from posix_spawn to the return of wait4: what a person waits for, the dynamic linker included.
Programs that are compared take turns (A B A B ...), so that a slow spell of the machine hits both.

Memory is the process's own: the peak of its resident set without the pages of files (program, libraries, mapped
checkpoints), which the kernel can take back and which `cp` or a second reader would share. It is read when the process
is about to end, while its memory still stands: a tracer is told of that moment (PTRACE_EVENT_EXIT), and then
/proc/PID/status holds VmHWM (peak of everything) and RssFile (file pages). ru_maxrss will not do: it counts file pages,
and after posix_spawn it starts at what the *parent* held.
"""
import ctypes
import dataclasses
import os
import signal
import statistics
import time

PTRACE_TRACEME, PTRACE_CONT, PTRACE_SETOPTIONS = 0, 7, 0x4200
PTRACE_O_TRACEEXIT, PTRACE_EVENT_EXIT = 0x40, 6


@dataclasses.dataclass
class Times:
    seconds: list

    @property
    def median(self):
        return statistics.median(self.seconds)

    def __str__(self):
        return f"{clock(self.median)} ({clock(min(self.seconds))} to {clock(max(self.seconds))})"


class Failed(Exception):
    pass


def _files(quiet):
    null = (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)
    return [null, (os.POSIX_SPAWN_DUP2, 1, 2)] if quiet else [null]


def once(command, expect=0):
    """Wall seconds of one run with its output thrown away."""
    start = time.perf_counter_ns()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=_files(True))
    status = os.wait4(pid, 0)[1]
    seconds = (time.perf_counter_ns() - start) / 1e9
    if os.waitstatus_to_exitcode(status) != expect:
        raise Failed(f"exit {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
    return seconds


def alternate(contenders, before=None, warm=True):
    """{label: (command, runs)} -> {label: Times}. Each runs once unmeasured first; `before(label)` precedes each run."""
    times = {label: [] for label in contenders}
    for turn in range(-1 if warm else 0, max(runs for _, runs in contenders.values())):
        for label, (command, runs) in contenders.items():
            if turn < runs:
                if before:
                    before(label)
                seconds = once(command)
                if turn >= 0:
                    times[label].append(seconds)
    return {label: Times(seconds) for label, seconds in times.items()}


def status_memory(pid):
    """Bytes of a process's own memory at its peak, while it lives."""
    fields = {}
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if rest.endswith(" kB\n"):
                fields[name] = int(rest.split()[0]) * 1024
    return max(fields["VmHWM"] - fields["RssFile"], fields["RssAnon"])


def bytes_read(pid, folder):
    """Bytes that a process has asked files for, and pages of files below `folder` that it has mapped and touched."""
    with open(f"/proc/{pid}/io", encoding="ascii") as file:
        total = int(next(line for line in file if line.startswith("rchar")).split()[1])
    inside = False
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("Rss:"):
                total += int(line.split()[1]) * 1024 if inside else 0
            elif "-" in line.split(" ", 1)[0]:
                inside = f" {folder}/" in line
    return total


def own_memory(command, expect=0):
    """Bytes of its own that a run of `command` held at its peak."""
    return at_the_end(command, status_memory, expect)


def at_the_end(command, look, expect=0):
    """What look(pid) gives when a run of `command` is about to end. Not timed: tracing costs a little."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    pid = os.fork()
    if pid == 0:
        try:
            null = os.open("/dev/null", os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            libc.ptrace(PTRACE_TRACEME, 0, None, None)
            os.execvp(command[0], command)
        finally:
            os._exit(127)
    seen, ready = None, False
    while True:
        status = os.waitpid(pid, 0)[1]
        if not os.WIFSTOPPED(status):
            break
        deliver = 0
        if status >> 8 == signal.SIGTRAP | PTRACE_EVENT_EXIT << 8:
            seen = look(pid)
        elif not ready:  # stopped at its exec
            if libc.ptrace(PTRACE_SETOPTIONS, pid, None, PTRACE_O_TRACEEXIT) != 0:
                raise Failed("this system does not let ptrace tell of a process's end")
            ready = True
        else:
            deliver = os.WSTOPSIG(status)
        libc.ptrace(PTRACE_CONT, pid, None, deliver)
    if os.waitstatus_to_exitcode(status) != expect or seen is None:
        raise Failed(f"exit {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
    return seen


def clock(seconds):
    if seconds < 0.01:
        return f"{seconds * 1e3:.2f} ms"
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms"
    return f"{seconds:.2f} s"


def size(count):
    return f"{count / 1e6:.1f} MB" if count < 1e8 else f"{count / 1e6:,.0f} MB"


def goal(text, reached):
    """A goal and whether the figure beside it reaches it."""
    return f"{text}: {'yes' if reached else '**no**'}"


def table(title, header, rows):
    """A Markdown table, its columns aligned so that it reads as text too."""
    lines = [header, *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    widths[-1] = 0  # the goals: long, and nothing stands behind them
    lines.insert(1, ["-" * max(3, width) for width in widths])
    text = "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines)
    return f"### {title}\n\n{text}\n"
