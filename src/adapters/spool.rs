//! A folder that takes notices in place of a server: one file per notice, named by its outside id.
//!
//! Guarantees: a file is there whole or not at all (written beside, synced, renamed), and a repeated
//! attempt replaces the file of the first, so there are never two for one notice. The folder is made
//! with mode 0700 and files with 0600, because they hold names and addresses. A crash leaves at most a
//! `.part` file, which the next attempt for the same notice overwrites.

use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::{self, DirBuilder, OpenOptions};
use tokio::io::AsyncWriteExt as _;
use url::Url;

use crate::domain::FailureClass;
use crate::ports::{Receipt, SendError};

/// Longest file name stem; file systems end at 255 bytes, `.`, `.json` and `.part` come on top.
const MAX_STEM_BYTES: usize = 200;

/// The folder of a `file://` URL.
#[derive(Debug, Clone)]
pub(super) struct Spool {
    folder: PathBuf,
}

impl Spool {
    /// The folder a `file:///absolute/path` URL names; none for a URL with a host or without a path.
    pub(super) fn from_url(url: &Url) -> Option<Self> {
        let folder = url.to_file_path().ok().filter(|path| path.is_absolute() && path.parent().is_some())?;
        Some(Self { folder })
    }

    /// Writes one notice as `<id>.<extension>`, replacing what an earlier attempt wrote.
    pub(super) async fn write(&self, id: &str, extension: &str, bytes: &[u8]) -> Result<Receipt, SendError> {
        let name = format!("{}.{extension}", file_stem(id));
        self.replace(&name, bytes).await.map_err(|e| failure("writing", &e))?;
        // Not the name: a mail's looks like an address and would be masked wherever it is shown.
        Ok(Receipt { detail: "written to the folder".to_owned() })
    }

    /// Whether a file can be written here: makes the folder and writes an empty file that it removes again.
    pub(super) async fn check(&self) -> Result<(), SendError> {
        let probe = ".check";
        self.replace(probe, b"").await.map_err(|e| failure("checking", &e))?;
        fs::remove_file(self.folder.join(probe)).await.map_err(|e| failure("checking", &e))
    }

    async fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).await?;
        let part = self.folder.join(format!(".{name}.part"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part).await?;
        file.write_all(bytes).await?;
        file.sync_all().await?;
        fs::rename(&part, self.folder.join(name)).await?;
        sync_folder(&self.folder).await
    }
}

/// Makes the rename survive a power cut.
async fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder).await?.sync_all().await
}

/// An outside id as a file name: `<0192…@acme.example>` becomes `0192…@acme.example`.
fn file_stem(id: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "@-_.".contains(c) { c } else { '_' };
    let stem: String = id.trim_matches(['<', '>']).trim_start_matches('.').chars().map(safe).collect();
    stem.chars().take(MAX_STEM_BYTES).collect()
}

/// A full disk may be emptied; a folder that may not be written is a matter of configuration.
fn failure(doing: &str, error: &io::Error) -> SendError {
    let class = match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::ReadOnlyFilesystem => FailureClass::ChannelBroken,
        _ => FailureClass::Transient,
    };
    SendError { class, detail: format!("{doing} the folder of the file:// URL failed ({})", error.kind()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[tokio::test]
    async fn a_repeated_write_replaces_the_first_and_nothing_else_is_left() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        let spool = Spool::from_url(&Url::from_file_path(&folder).unwrap()).unwrap();
        spool.check().await.unwrap();
        assert!(names(&folder).is_empty());
        spool.write("<id-1@acme.example>", "eml", b"one").await.unwrap();
        let receipt = spool.write("<id-1@acme.example>", "eml", b"two").await.unwrap();
        assert_eq!(receipt.detail, "written to the folder");
        assert_eq!(names(&folder), ["id-1@acme.example.eml"]);
        assert_eq!(std::fs::read(folder.join("id-1@acme.example.eml")).unwrap(), b"two");
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        let file = std::fs::metadata(folder.join("id-1@acme.example.eml")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_path_that_is_no_folder_is_a_matter_of_configuration() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("file"), b"").unwrap();
        let spool = Spool { folder: root.path().join("file/below") };
        assert_eq!(spool.check().await.unwrap_err().class, FailureClass::ChannelBroken);
        assert_eq!(spool.write("x", "eml", b"").await.unwrap_err().class, FailureClass::ChannelBroken);
    }

    #[test]
    fn ids_cannot_leave_the_folder() {
        for (id, stem) in
            [("../../etc/passwd", "_.._etc_passwd"), ("<a b\r\n@x>", "a_b__@x"), ("...", ""), ("msg_0192", "msg_0192")]
        {
            assert_eq!(file_stem(id), stem.trim_start_matches('.'), "{id:?}");
        }
        assert_eq!(file_stem(&"é".repeat(500)).len(), MAX_STEM_BYTES);
        assert!(Spool::from_url(&Url::parse("file://host/x").unwrap()).is_none());
        assert!(Spool::from_url(&Url::parse("file:///").unwrap()).is_none());
    }
}
