//! Archives with one file, as Lambda takes them: <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>.

/// Version 2.0 of the format, the first with folders; made on Unix, so that the mode below counts.
const VERSION: u16 = 20;
const MADE_ON_UNIX: u16 = 3 << 8;
/// `rwxr-xr-x`, in the upper half of the external attributes.
const EXECUTABLE: u32 = 0o100_755 << 16;
/// 1 January 1980, the format's first day: the same file gives the same archive.
const DATE: u16 = 0x21;

/// An archive of one executable file, uncompressed.
///
/// Nothing where the file is too large for the format, which ends at 4 GiB.
pub(crate) fn of_executable(name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let size = u32::try_from(bytes.len()).ok()?;
    let name_size = u16::try_from(name.len()).ok()?;
    let mut common = Vec::new();
    for field in [VERSION, 0, 0, 0, DATE] {
        common.extend(field.to_le_bytes());
    }
    for field in [crc32fast::hash(bytes), size, size] {
        common.extend(field.to_le_bytes());
    }
    common.extend(name_size.to_le_bytes());
    common.extend([0; 2]);

    let mut archive = b"PK\x03\x04".to_vec();
    archive.extend(&common);
    archive.extend(name.as_bytes());
    archive.extend(bytes);

    let directory_at = u32::try_from(archive.len()).ok()?;
    archive.extend(b"PK\x01\x02");
    archive.extend((VERSION | MADE_ON_UNIX).to_le_bytes());
    archive.extend(&common);
    archive.extend([0; 6]);
    archive.extend(EXECUTABLE.to_le_bytes());
    archive.extend(0_u32.to_le_bytes());
    archive.extend(name.as_bytes());
    let directory_size = u32::try_from(archive.len()).ok()? - directory_at;

    archive.extend(b"PK\x05\x06");
    archive.extend([0; 4]);
    for entries in [1_u16, 1] {
        archive.extend(entries.to_le_bytes());
    }
    for field in [directory_size, directory_at] {
        archive.extend(field.to_le_bytes());
    }
    archive.extend([0; 2]);
    Some(archive)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn an_archive_is_read_by_what_reads_it_in_the_emulator() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zip");
        std::fs::write(&path, of_executable("bootstrap", b"#!/bin/sh\n").unwrap()).unwrap();
        let program = "import sys, zipfile\n\
             archive = zipfile.ZipFile(sys.argv[1])\n\
             assert archive.testzip() is None\n\
             entry, = archive.infolist()\n\
             print(entry.filename, oct(entry.external_attr >> 16), archive.read(entry))";
        let output = Command::new("python3").args(["-c", program]).arg(&path).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "bootstrap 0o100755 b'#!/bin/sh\\n'\n", "{output:?}");
    }
}
