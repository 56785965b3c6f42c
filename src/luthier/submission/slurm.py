"""A batch script of SLURM, which saves the run before its time is over and queues itself again.

Two minutes before the end SLURM sends TERM to the script (`--signal=B:TERM@120`), which passes it
on. The run saves itself and exits with 143, and the script asks for its own job again, unless that
is being cancelled. A node that fails, or a job of higher priority, has it queued again by SLURM
(`--requeue`). https://slurm.schedmd.com/sbatch.html
"""

from __future__ import annotations

import shlex

from luthier.submission.asked import GRACE, INTERRUPTED, Asked

SCRIPT = """\
#!/bin/bash
{mark}
{directives}

cd -- {folder} || exit 1
run=
trap '[ -z "$run" ] || kill -TERM "$run"' TERM
{command} &
run=$!
while wait "$run"; code=$?; kill -0 "$run" 2>/dev/null; do :; done  # signals end a wait early
wait "$run" 2>/dev/null; last=$?
[ "$last" -eq 127 ] || code=$last
if [ "$code" -eq {interrupted} ] \\
  && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {restarts} ] \\
  && [ "$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%T)" = RUNNING ]; then
  exec scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
"""


def write(asked: Asked, mark: str) -> str:
    """Write the script.

    Args:
        asked: The job.
        mark: A comment for its head.

    Raises:
        ArgumentError: SLURM does not have one of the options.
    """
    asked.refuse("image", "volume", scheduler="slurm")
    options = {
        "job-name": asked.name,
        "nodes": 1,
        "ntasks": 1,
        "cpus-per-task": asked.cpus,
        "gpus-per-node": asked.gpus,
        "mem": asked.memory,
        "time": asked.time,
        "partition": asked.partition,
        "signal": f"B:TERM@{GRACE}",
        "open-mode": "append",
    }
    lines = [f"#SBATCH --{name}={value}" for name, value in options.items() if value is not None]
    return SCRIPT.format(
        mark=mark,
        directives="\n".join([*lines, "#SBATCH --requeue"]),
        folder=shlex.quote(str(asked.folder)),
        command=asked.spelled(),
        interrupted=INTERRUPTED,
        restarts=asked.restarts,
    )
