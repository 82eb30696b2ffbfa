"""bench: what sessjwt costs, beside what people would use instead. README.md in this folder has an example.

What rows need is named here, so that a file of rows says `from bench import row, pairs`."""
from .row import note, pairs, row
from .cpu import FIRST_CPU, SECOND_CPU, pin, pin_all, rate_on_one_core, seconds_used
from .place import on_disk
from .program import Program, bench_program, run
from .redis import Redis
