#!/usr/bin/env python3
"""From save to verdict in the watch: median and 95th percentile.

    scripts/watch-latency.py BINARY [LAB] [ANSWER] [SAVES]

Starts `wirelab` in a lab on a pseudo terminal of 80 by 24, saves the answer again and again, each
time another filter, half of the time in place and half of the time renamed over the file as editors
do, and waits until the page with the new verdict has been written.
"""
import fcntl, os, pty, select, signal, statistics, struct, subprocess, sys, tempfile, termios, time

binary = os.path.realpath(sys.argv[1])
lab = sys.argv[2] if len(sys.argv) > 2 else "hello-filter"
answer = sys.argv[3] if len(sys.argv) > 3 else "syn.bpf"
saves = int(sys.argv[4]) if len(sys.argv) > 4 else 200
course = tempfile.mkdtemp(prefix="watch-latency-")
home = dict(os.environ, HOME=course, TERM="xterm-256color", LANG="C.UTF-8")
init = [binary, "init", course + "/c", "--lab", lab, "--seed", "7"]
subprocess.run(init, check=True, env=home, stdout=subprocess.DEVNULL)
answers = f"{course}/c/{lab}/answers"
if not os.path.exists(f"{answers}/{answer}"):
    answer = sorted(os.listdir(answers))[0]
path = f"{answers}/{answer}"

pid, screen = pty.fork()
if pid == 0:
    os.chdir(course + "/c")
    os.execve(binary, [binary], home)
fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))


def quiet(seconds):
    """What is written until nothing has been for so long."""
    text = b""
    while select.select([screen], [], [], seconds)[0]:
        text += os.read(screen, 65536)
    return text


def until(word, seconds):
    text, end = b"", time.monotonic() + seconds
    while word not in text:
        if not select.select([screen], [], [], max(0, end - time.monotonic()))[0]:
            sys.exit(f"no {word} in {text[-2000:]}")
        text += os.read(screen, 65536)


until(b"quit", 60)
quiet(0.5)
filters = ["tcp port 443", "tcp[tcpflags] & tcp-syn != 0", "tcp port 443 and tcp[13] = 2", "tcp"]
times = []
for turn in range(saves):
    text = f"{filters[turn % 4]} and len < {2000 + turn}\n"
    begin = time.monotonic()
    if turn % 2:
        with open(path, "w") as file:
            file.write(text)
    else:
        with open(path + "~", "w") as file:
            file.write(text)
        os.rename(path + "~", path)
    # The new verdict is on the screen with its whole report: the row of the total is in it.
    os.read(screen, 1)
    times.append(time.monotonic() - begin)
    quiet(0.3)
os.kill(pid, signal.SIGTERM)
os.waitpid(pid, 0)
ms = sorted(1000 * it for it in times)
at = lambda part: ms[min(len(ms) - 1, int(part * len(ms)))]
print(f"{lab}/{answer}: {saves} saves, median {statistics.median(ms):.0f} ms, "
      f"p95 {at(0.95):.0f} ms, largest {ms[-1]:.0f} ms")
