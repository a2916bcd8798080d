"""The second serial port, driven in Python: what comes in goes out again in capitals.

Ends at a line that says `bye`. Connect to the socket, with `socat - UNIX:/tmp/serial`.

    ./run.sh --serial2 unix:/tmp/serial examples/serial_echo.py
"""

from roentgen.drivers.uart import SerialPort


def main() -> None:
    """Echo lines."""
    with SerialPort() as port:
        port.write(b"roentgen: say something\r\n")
        while (line := port.read_line().strip()) != b"bye":
            print("received", line.decode(errors="replace"), flush=True)
            port.write(line.upper() + b"\r\n")
        port.write(b"bye\r\n")
        # Until the last bytes have left.
        port.drain(timeout=5)
        counts = port.line.counts()
        print(f"{counts.interrupts} interrupts of line {counts.gsi}", flush=True)


main()
