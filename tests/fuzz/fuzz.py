#!/usr/bin/env python3
"""Runs a fuzz target: first on every seed of its corpus, then on what it makes of them.

    fuzz.py TARGET CORPUS [SECONDS]

A seed NAME.hex holds bytes in hexadecimal, 00*9 for nine of them, with comments behind #. Any other file is taken as it
is, and its words are words to try. What breaks the target is printed as a seed, to be put into the corpus.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

LIMITS = ["-timeout=5", "-rss_limit_mb=1024", "-malloc_limit_mb=256", "-max_len=4096", "-len_control=10"]


def as_bytes(seed):
    if seed.suffix == ".hex":
        text = re.sub(r"#.*", "", seed.read_text())
        return bytes.fromhex(re.sub(r"([0-9a-f]{2})\*([0-9]+)", lambda run: run[1] * int(run[2]), text))
    return seed.read_bytes()


def as_hex(content):
    text = content.hex(" ")
    return "\n".join(text[i : i + 96].rstrip() for i in range(0, len(text), 96))


def main():
    target, corpus = sys.argv[1], pathlib.Path(sys.argv[2])
    seconds = sys.argv[3] if len(sys.argv) > 3 else "6"
    seeds = [seed for seed in sorted(corpus.iterdir()) if seed.is_file()]
    with tempfile.TemporaryDirectory(prefix="ringway-fuzz-") as scratch:
        scratch = pathlib.Path(scratch)
        for part in ("seeds", "found"):
            (scratch / part).mkdir()
        words = set()
        for seed in seeds:
            (scratch / "seeds" / seed.name).write_bytes(as_bytes(seed))
            if seed.suffix != ".hex":
                words.update(re.findall(r"[\w-]{3,}", seed.read_text()))
        arguments = [f"-max_total_time={seconds}", f"-artifact_prefix={scratch}/bad-", "-print_final_stats=1", *LIMITS]
        if words:
            (scratch / "dict").write_text("".join(f'"{word}"\n' for word in sorted(words)))
            arguments.append(f"-dict={scratch}/dict")
        done = subprocess.run([target, *arguments, scratch / "found", scratch / "seeds"], stderr=subprocess.PIPE, text=True,
                              errors="replace", check=False)
        print("\n".join(done.stderr.splitlines()[-80:]))
        for bad in scratch.glob("bad-*"):
            print(f"{bad.name}, as a seed for {corpus}:\n{as_hex(bad.read_bytes())}")
    print(f"{len(seeds)} seeds")
    return 1 if done.returncode or not seeds else 0


sys.exit(main())
