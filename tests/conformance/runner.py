"""Runs pthview as a user would, with time and peak memory, and says what is wrong with how it ended."""
import collections
import json
import os
import re
import signal
import subprocess
import tempfile
import time

# code: exit code, or the signal's number negated, or None when it had to be killed; megabytes: peak resident size;
# cpu: seconds of processor time
Run = collections.namedtuple("Run", "code out err seconds megabytes cpu")
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f\x80-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def run(command, seconds=20, cwd=None):
    # A child's peak memory begins at the highest that this process has held: what it held before is forgotten.
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.monotonic()
        process = subprocess.Popen([str(part) for part in command],
                                   stdin=subprocess.DEVNULL,
                                   stdout=out,
                                   stderr=err,
                                   cwd=cwd)
        killed = False
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if not killed and time.monotonic() - begin > seconds:
                process.kill()
                killed = True
            time.sleep(0.002)
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read())
        return Run(None if killed else process.returncode, *texts, time.monotonic() - begin, usage.ru_maxrss / 1024,
                   usage.ru_utime + usage.ru_stime)


def parse(result):
    """The JSON document on stdout."""
    return json.loads(result.out.decode("utf-8"))


def complaints(result, codes=(0, 2), megabytes=512):
    """Lines saying how the run breaks what every run must keep; empty when it does not."""
    out = []
    if result.code is None:
        out.append(f"hangs: killed after {result.seconds:.0f} s")
    elif result.code < 0:
        out.append(f"crashes: {signal.Signals(-result.code).name}")
    elif result.code not in codes:
        out.append(f"exit code {result.code}, not {' or '.join(map(str, codes))}")
    if result.megabytes > megabytes:
        out.append(f"takes {result.megabytes:.0f} MB")
    err = result.err.decode("utf-8", "replace")
    if result.code == 2:
        errors = [line for line in err.splitlines() if line.startswith("pthview: ")]
        if len(errors) != 1:
            out.append(f"stderr should hold one `pthview: ...` line: {err[:300]!r}")
    if CONTROL.search(err):
        out.append(f"control characters on stderr: {err[:300]!r}")
    if err and out and not any("stderr" in line for line in out):
        out.append(f"stderr: {err[:500]!r}")
    return out


def json_of(command, seconds, megabytes=4096):
    """What a command that has to end well prints, parsed. Raises AssertionError with all that is wrong."""
    result = run(command, seconds)
    wrong = complaints(result, codes=(0,), megabytes=megabytes)
    if wrong:
        raise AssertionError("\n".join(wrong))
    return parse(result)
