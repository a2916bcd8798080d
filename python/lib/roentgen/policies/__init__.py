"""Scheduling policies to read, and to run by :func:`roentgen.sched.attach`.

:mod:`roentgen.policies.round_robin`
    everybody in turn, for as long
:mod:`roentgen.policies.lottery`
    time by tickets
:mod:`roentgen.policies.deadline`
    periodic work: the earliest deadline first
"""
