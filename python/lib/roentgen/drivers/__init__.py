"""Device drivers in Python, over :mod:`roentgen.irq` and :mod:`roentgen.io`.

:mod:`roentgen.drivers.rtc`
    the clock of a PC: the time of day, and periodic interrupts
:mod:`roentgen.drivers.uart`
    serial ports
"""
