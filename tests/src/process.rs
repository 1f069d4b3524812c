//! A child process that cannot outlive its test, and whose output can be awaited.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// A running program. Dropped, it is killed; if this process dies, it is killed as well.
///
/// The program runs under a small shell that waits for the end of its standard input, which this process holds open:
/// however the test ends, the pipe closes and the shell kills the program. Output goes to a log file.
#[derive(Debug)]
pub struct Process {
    name: String,
    guard: Child,
    /// Closed on drop or by the end of this process: the guard's signal to kill the program.
    leash: Option<ChildStdin>,
    pid: u32,
    log: PathBuf,
}

/// Runs the program in the background, says its pid, kills it when the leash is dropped, and ends with its exit code.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
pid=$!
echo "$pid" >"$GUARD_PID"
( cat <&3 >/dev/null; kill -9 $pid 2>/dev/null ) &
watch=$!
wait $pid
code=$?
kill $watch 2>/dev/null
exit $code
"#;

impl Process {
    /// Starts `program` with `arguments`; both output streams go to `log`.
    pub fn start<A: AsRef<OsStr>>(
        name: &str,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
        directory: &Path,
        log: &Path,
    ) -> Result<Self> {
        Self::start_with(name, program, arguments, directory, log, &[])
    }

    /// As [`Self::start`], with environment variables.
    pub fn start_with<A: AsRef<OsStr>>(
        name: &str,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
        directory: &Path,
        log: &Path,
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        let pid_file = tempfile::Builder::new().prefix("pid").tempfile()?;
        let mut guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "guard"])
            .arg(program)
            .args(arguments)
            .current_dir(directory)
            .env("GUARD_PID", pid_file.path())
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let leash = guard.stdin.take();
        let pid = wait_for(Duration::from_secs(60), || {
            let text = std::fs::read_to_string(pid_file.path()).ok()?;
            text.ends_with('\n').then(|| text.trim().parse().ok())?
        })
        .ok_or_else(|| format!("{name} did not start"))?;
        Ok(Self {
            name: name.to_owned(),
            guard,
            leash,
            pid,
            log: log.to_owned(),
        })
    }

    /// The program's process id.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// What it has printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        let mut text = Vec::new();
        if let Ok(mut file) = File::open(&self.log) {
            let _ = file.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Waits until a line of its output contains `text`.
    pub fn wait_for_line(&mut self, text: &str, limit: Duration) -> Result<()> {
        let begun = Instant::now();
        loop {
            if self.output().lines().any(|line| line.contains(text)) {
                return Ok(());
            }
            if let Some(status) = self.guard.try_wait()? {
                return Err(format!(
                    "{} ended ({status}) before it said {text:?}:\n{}",
                    self.name,
                    self.tail(40)
                )
                .into());
            }
            if begun.elapsed() > limit {
                return Err(format!(
                    "{} did not say {text:?} in {limit:?}:\n{}",
                    self.name,
                    self.tail(40)
                )
                .into());
            }
            pause(begun);
        }
    }

    /// The last `count` lines of its output.
    #[must_use]
    pub fn tail(&self, count: usize) -> String {
        let Ok(file) = File::open(&self.log) else {
            return String::new();
        };
        let mut last = VecDeque::with_capacity(count);
        for line in BufReader::new(file)
            .split(b'\n')
            .map_while(std::result::Result::ok)
        {
            if last.len() == count {
                last.pop_front();
            }
            last.push_back(String::from_utf8_lossy(&line).into_owned());
        }
        Vec::from(last).join("\n")
    }

    /// Sends a signal by its name, such as `TERM`, `INT`, `KILL`, `STOP` or `CONT`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("/bin/kill")
            .arg(format!("-{name}"))
            .arg(self.pid.to_string())
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("kill -{name} {} ({}): {status}", self.pid, self.name).into())
        }
    }

    /// Waits until it has ended.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        wait_for(limit, || self.guard.try_wait().ok().flatten()).ok_or_else(|| {
            format!("{} did not end in {limit:?}:\n{}", self.name, self.tail(40)).into()
        })
    }

    /// Asks it to end with SIGTERM and waits.
    pub fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.signal("TERM")?;
        self.wait(limit)
    }

    /// Kills it with SIGKILL and waits.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.signal("KILL")?;
        self.wait(Duration::from_secs(60))
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.guard.try_wait(), Ok(None))
    }

    /// Resident memory in KiB, as the kernel counts it.
    #[must_use]
    pub fn resident_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// CPU time used so far, user and system together, in the kernel's ticks of 10 ms.
    #[must_use]
    pub fn cpu_time(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks: u64 =
            fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        Some(Duration::from_millis(ticks * 10))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut leash) = self.leash.take() {
            let _ = leash.flush();
        }
        let _ = self.guard.wait();
    }
}

/// Asks `condition` every few milliseconds until it gives something, at most `limit` long.
pub fn wait_for<T>(limit: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if begun.elapsed() > limit {
            return None;
        }
        pause(begun);
    }
}

/// The pause between two looks at another process, which cannot be awaited.
#[expect(
    clippy::disallowed_methods,
    reason = "another process cannot be awaited, only looked at"
)]
pub(crate) fn look_again_after(pause: Duration) {
    std::thread::sleep(pause);
}

/// Processes outside of this one can only be polled: every millisecond at first, for what is measured in milliseconds,
/// and more seldom the longer it takes.
fn pause(begun: Instant) {
    let (least, most) = (Duration::from_millis(1), Duration::from_millis(20));
    look_again_after((begun.elapsed() / 100).clamp(least, most));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> (Process, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let process = Process::start(
            "sh",
            "/bin/sh",
            ["-c", script],
            directory.path(),
            &directory.path().join("log"),
        )
        .unwrap();
        (process, directory)
    }

    #[test]
    fn a_line_of_output_can_be_awaited_and_the_exit_code_is_the_programs() {
        let (mut process, _directory) = shell("echo ready; exit 3");
        process
            .wait_for_line("ready", Duration::from_secs(60))
            .unwrap();
        assert_eq!(
            process.wait(Duration::from_secs(60)).unwrap().code(),
            Some(3)
        );
    }

    #[test]
    fn a_dropped_process_is_killed() {
        let (process, _directory) = shell("exec sleep 600");
        let stat = PathBuf::from(format!("/proc/{}/stat", process.pid()));
        drop(process);
        let gone = wait_for(Duration::from_secs(60), || {
            let text = std::fs::read_to_string(&stat).ok();
            text.is_none_or(|text| text.contains(") Z ")).then_some(())
        });
        assert!(gone.is_some(), "still running");
    }

    #[test]
    fn an_early_end_is_reported_with_the_output() {
        let (mut process, _directory) = shell("echo why; exit 1");
        let error = process
            .wait_for_line("never", Duration::from_secs(60))
            .unwrap_err()
            .to_string();
        assert!(error.contains("why") && error.contains("ended"), "{error}");
    }
}
