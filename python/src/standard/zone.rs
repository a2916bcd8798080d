//! `time.tzset`.

pub(super) use zone::module_def;

#[rustpython_vm::pymodule(name = "time")]
mod zone {
    use rustpython_vm::convert::ToPyObject;
    use rustpython_vm::host_env::time::tz;
    use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

    /// tzset()
    ///
    /// Initialize, or reinitialize, the local timezone to the value stored in
    /// os.environ['TZ']. The TZ environment variable should be specified in
    /// standard Unix timezone format as documented in the tzset man page
    /// (eg. 'US/Eastern', 'Europe/Amsterdam'). Unknown timezones will silently
    /// fall back to UTC. If the TZ environment variable is not set, the local
    /// timezone is set to the systems best guess of wallclock time.
    /// Changing the TZ environment variable without calling tzset *may* change
    /// the local timezone used by methods such as localtime, but this behaviour
    /// should not be relied on.
    #[pyfunction]
    fn tzset(vm: &VirtualMachine) -> PyResult<()> {
        tz::tzset();
        let module = vm.import("time", 0)?;
        let (standard, daylight) = tz::tzname_strings();
        let values: [(&'static str, PyObjectRef); 4] = [
            ("timezone", tz::timezone().to_pyobject(vm)),
            ("altzone", tz::altzone().to_pyobject(vm)),
            ("daylight", tz::daylight().to_pyobject(vm)),
            ("tzname", vm.new_tuple((standard, daylight)).into()),
        ];
        for (name, value) in values {
            module.set_attr(name, value, vm)?;
        }
        Ok(())
    }
}
