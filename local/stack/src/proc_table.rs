//! A look at the process table: `/proc` on Linux, `ps` elsewhere.

/// When a process started, in the system's own notation; nothing when there is no such process or it is a zombie.
pub(crate) fn start_time(pid: u32) -> Option<String> {
    platform::start_time(pid)
}

/// The processes of a group that are not zombies. A zombie has ended; only its parent has not asked yet.
pub(crate) fn living_members(group: u32) -> Vec<u32> {
    platform::living_members(group)
}

#[cfg(target_os = "linux")]
mod platform {
    use std::fs;

    pub(super) fn start_time(pid: u32) -> Option<String> {
        let stat = Stat::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        (!stat.is_zombie).then_some(stat.started)
    }

    pub(super) fn living_members(group: u32) -> Vec<u32> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid: &u32| {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|text| Stat::parse(&text));
                stat.is_some_and(|stat| stat.group == group && !stat.is_zombie)
            })
            .collect()
    }

    /// What this needs of <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>.
    struct Stat {
        is_zombie: bool,
        group: u32,
        started: String,
    }

    impl Stat {
        fn parse(text: &str) -> Option<Self> {
            // The name in parentheses may hold spaces and parentheses, so fields are counted from the last one: field 3 comes first.
            let (_, rest) = text.rsplit_once(')')?;
            let fields: Vec<&str> = rest.split_whitespace().collect();
            Some(Self {
                is_zombie: matches!(*fields.first()?, "Z" | "X"),
                group: fields.get(2)?.parse().ok()?,
                started: (*fields.get(19)?).to_owned(),
            })
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
            let line = "77 (a) Z (b) c) S 1 76 75 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 1 1";
            let stat = Stat::parse(line).unwrap();
            assert!(!stat.is_zombie);
            assert_eq!(stat.group, 76);
            assert_eq!(stat.started, "123456");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::process::Command;

    pub(super) fn start_time(pid: u32) -> Option<String> {
        let text = ps(&["-o", "stat=,lstart=", "-p", &pid.to_string()])?;
        let (stat, started) = text.trim().split_once(char::is_whitespace)?;
        (!stat.starts_with('Z')).then(|| started.trim().to_owned())
    }

    pub(super) fn living_members(group: u32) -> Vec<u32> {
        let text = ps(&["-A", "-o", "pid=,pgid=,stat="]).unwrap_or_default();
        text.lines()
            .filter_map(|line| {
                let mut fields = line.split_whitespace();
                let (pid, pgid, stat) = (fields.next()?, fields.next()?, fields.next()?);
                (pgid.parse() == Ok(group) && !stat.starts_with('Z')).then(|| pid.parse().ok()).flatten()
            })
            .collect()
    }

    fn ps(arguments: &[&str]) -> Option<String> {
        let output = Command::new("ps").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()
    }
}
