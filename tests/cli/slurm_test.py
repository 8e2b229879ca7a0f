#!/usr/bin/env python3
"""tools/slurm/normalize.sh with Debian's Slurm on this one machine: an array of 4 over 500 files, one task of it requeued.
slurm_test.py --pthview BIN [unittest arguments]

Needs root and the packages slurm-wlm and munge; without them it is skipped (exit status 77). Starts munged, slurmctld and
slurmd with folders, a key and ports of its own, and ends them.
"""
import argparse
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import normalize_test  # noqa: E402  pylint: disable=wrong-import-position

SCRIPT = HERE.parents[1] / "tools/slurm/normalize.sh"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """One machine that is controller and node."""

    def __init__(self, folder, binary):
        self.folder = folder
        self.started = []
        host = socket.gethostname().split(".")[0]
        for name in ("state", "spool", "munge"):
            (folder / name).mkdir(mode=0o755)
        (folder / "munge").chmod(0o700)
        key = folder / "munge/key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        self.socket = folder / "munge/socket"
        conf = folder / "slurm.conf"
        conf.write_text(f"""
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={free_port()}
SlurmdPort={free_port()}
AuthType=auth/munge
AuthInfo=socket={self.socket}
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0
ReturnToService=2
MailProg=/bin/true
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
""")
        self.environment = {**os.environ, "SLURM_CONF": str(conf), "PTHVIEW": str(binary)}
        self.start("munged", "--foreground", "--key-file", key, "--socket", self.socket, "--pid-file", folder / "munge/pid",
                   "--log-file", folder / "munge/log", "--seed-file", folder / "munge/seed", "--force")
        self.wait(self.socket.exists)
        self.start("slurmctld", "-D", "-f", conf)
        self.start("slurmd", "-D", "-f", conf, "-N", host)
        self.wait(lambda: "idle" in self.ask("sinfo", "-h", "-o", "%t"))

    def start(self, *command):
        log = open(self.folder / f"{command[0]}.out", "wb")  # pylint: disable=consider-using-with
        self.started.append(subprocess.Popen(  # pylint: disable=consider-using-with
            [str(part) for part in command], stdout=log, stderr=log, env=getattr(self, "environment", os.environ)))
        log.close()

    def ask(self, *command):
        return subprocess.run(list(map(str, command)), env=self.environment, capture_output=True, text=True, check=False,
                              timeout=60, cwd=self.folder).stdout

    def wait(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError("\n".join(path.read_text(errors="replace")[-2000:]
                                             for path in sorted(self.folder.glob("*.out")) + sorted(self.folder.glob("*.log"))))
            time.sleep(0.05)

    def stop(self):
        for process in reversed(self.started):
            process.terminate()
        for process in self.started:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Slurm(normalize_test.Case):

    def test_an_array_with_a_requeued_task(self):
        cluster_folder = pathlib.Path(tempfile.mkdtemp(prefix="pthview-slurm-"))
        self.addCleanup(shutil.rmtree, cluster_folder, True)
        self.several(500, size=20000)
        self.run_it("src", "-o", "one", "-q")
        cluster = Cluster(cluster_folder, normalize_test.ARGS.pthview)
        self.addCleanup(cluster.stop)
        submitted = subprocess.run([SCRIPT, "4", self.folder / "many", f"--chdir={self.folder}",
                                    f"--output={cluster_folder}/job-%j.out", "--", "src"], env=cluster.environment,
                                   capture_output=True, text=True, check=False)
        self.assertEqual(submitted.returncode, 0, submitted.stderr)
        array = submitted.stdout.split()[1]
        merge = submitted.stdout.split()[-1]
        # The first task has begun, and is taken away from it: killed, and run again from the queue.
        cluster.wait(lambda: (self.folder / "many/.pthview").is_dir())
        cluster.ask("scontrol", "requeue", f"{array}_0")
        cluster.wait(lambda: not cluster.ask("squeue", "-h").strip(), 300)
        logs = "".join(path.read_text() for path in cluster_folder.glob("job-*.out"))
        state = cluster.ask("scontrol", "show", "job", merge)
        self.assertIn("JobState=COMPLETED", state, logs + state)
        tasks = cluster.ask("scontrol", "show", "job", array)
        self.assertIn("Requeue=1", tasks)
        self.assertIn("Restarts=1", tasks, "a task was run again")
        self.assertEqual(len(self.rows("many")), 500)
        self.assertEqual(self.tree("many"), self.tree("one"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pthview", required=True, type=lambda text: pathlib.Path(text).resolve())
    normalize_test.ARGS, rest = parser.parse_known_args()
    PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    os.environ["PATH"] = PATH
    if os.geteuid() != 0 or any(shutil.which(name) is None for name in PROGRAMS):
        print("skipped: needs root, slurm-wlm and munge")
        sys.exit(77)
    unittest.main(argv=[__file__, *rest])
