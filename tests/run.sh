#!/usr/bin/env bash
# run.sh - installs what is missing, builds, runs every test; the last line says "N passed, N failed".
#
#   tests/run.sh            everything: what CI runs
#   tests/run.sh unit tree  only these suites of the gcc build
#
# Builds: build (gcc, all suites; tests of threads bring their TSan along), and build-san (clang with ASan, UBSan and
# coverage: unit tests, fuzz targets, some live tests, the attacks, which would not notice by themselves what is read
# behind the end of a mapping, then the gate on what all that has run).
# A test that was skipped counts as failed: it has shown nothing. The exit code is 0 only if nothing failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

case ${1:-} in
-*)
	sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
	[[ $1 == -h || $1 == --help ]]
	exit
	;;
esac
suites=("$@")
reports=()
broken=()

say() {
	printf '\n=== %s\n' "$*"
}

# build DIR SETUP-ARGUMENT...: configures (once) and compiles; CC comes from the caller.
build() {
	local dir=$1
	shift
	say "$dir: build"
	if [[ ! -f $dir/build.ninja ]] && ! meson setup "$dir" "$@"; then
		broken+=("$dir (meson setup)")
		return 1
	fi
	if ! ninja --quiet -k 0 -C "$dir"; then
		broken+=("$dir (ninja)")
		return 1
	fi
}

# run_tests DIR SUITE...: without a suite all of them.
run_tests() {
	local dir=$1 log=$1/meson-logs/testlog.json arguments=() suite
	shift
	for suite in "$@"; do
		arguments+=(--suite "$suite")
	done
	say "$dir: tests ${*:-of all suites}"
	rm -f "$log"
	# Timeouts only guard against hangs: a busy machine with sanitizers may take its time.
	meson test -C "$dir" --no-rebuild --print-errorlogs --timeout-multiplier 3 "${arguments[@]}"
	if [[ -s $log ]]; then
		reports+=("$log")
	else
		broken+=("$dir (no test ran)")
	fi
}

# Prints what did not pass, then the line for CI. Fails if anything failed, or if nothing passed.
summary() {
	python3 - "${reports[@]}" -- "${broken[@]}" <<'PYTHON'
import json, sys

split = sys.argv.index("--")
reports, broken = sys.argv[1:split], sys.argv[split + 1:]
tests = [(path.split("/")[0], json.loads(line)) for path in reports for line in open(path)]
print("\n=== summary")
bad = [f"{test['result']:8} {build}: {test['name']}" for build, test in tests if test["result"] != "OK"]
for build, test in tests:
    for line in test.get("stdout", "").splitlines():
        if line.startswith("measured: "):
            print(f"{test['name']}: {line}")
bad += [f"BROKEN   {what}" for what in broken]
for line in bad:
    print(line)
slowest = sorted(tests, key=lambda test: -test[1]["duration"])[:5]
for build, test in slowest:
    print(f"{test['duration']:6.1f} s {build}: {test['name']}")
n_passed = sum(test["result"] == "OK" for _, test in tests)
print(f"{n_passed} passed, {len(bad)} failed")
sys.exit(1 if bad or n_passed == 0 else 0)
PYTHON
}

if ! config/install.sh build guests tests; then
	echo "run.sh: the packages above cannot be installed" >&2
	echo "0 passed, 1 failed"
	exit 1
fi
# Where sanitizers find fault, the test fails.
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

CC=gcc build build && run_tests build "${suites[@]}"
if [[ ${#suites[@]} == 0 ]]; then
	# Coverage is of this run only.
	[[ ! -d build-san ]] || find build-san -name '*.gcda' -delete
	CC=clang build build-san -Db_sanitize=address,undefined -Db_coverage=true -Db_lundef=false -Doptimization=1 &&
		run_tests build-san unit fuzz smoke hostile coverage
fi
summary
