//! Files of the publisher: whose they have to be, and how they are written.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::failure::Failure;

/// Makes a directory that nobody else may enter, whatever the umask; one that is there is checked only.
pub(crate) fn make_private_directory(path: &Path) -> Result<(), Failure> {
    let fault = |error: io::Error| Failure::at(path, error);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(fault)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Ok(()) => {
            #[cfg(unix)]
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(fault)?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(fault(error)),
    }
    check_directory(path)
}

/// Makes a directory that everybody may read and nobody else may write to, if it is not there.
pub(crate) fn make_public_directory(path: &Path) -> Result<(), Failure> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o755);
    builder.create(path).map_err(|error| Failure::at(path, error))
}

/// Whoever may write to a directory may put other files in the place of those in it.
pub(crate) fn check_directory(path: &Path) -> Result<(), Failure> {
    // Without the slash at its end, which would follow a link.
    let path: PathBuf = path.components().collect();
    let open = open(&path, OpenOptions::new().read(true))?;
    let metadata = open.metadata().map_err(|error| Failure::at(&path, error))?;
    if !metadata.is_dir() {
        return Err(Failure::at(&path, "expected a directory"));
    }
    check_owner(&path, &metadata)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        let mode = metadata.permissions().mode();
        if mode & 0o022 != 0 {
            let problem =
                format!("expected mode 0700, found {:04o}: others may put files of theirs in it", mode & 0o7777);
            return Err(Failure::at(&path, problem));
        }
    }
    Ok(())
}

/// The contents of a file that nobody else may read or has written. It is opened once: what is checked is what is read.
pub(crate) fn read_secret(file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let fault = |error: io::Error| Failure::at(file, error);
    let mut open = open(file, OpenOptions::new().read(true))?;
    let metadata = open.metadata().map_err(fault)?;
    check_file(file, &metadata)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        let mode = metadata.permissions().mode();
        if mode & 0o077 != 0 {
            let problem = format!("expected mode 0600, found {:04o}: others may read the key", mode & 0o777);
            return Err(Failure::at(file, problem));
        }
    }
    // All at once: a buffer that grows would leave copies of the secret behind.
    let length = usize::try_from(metadata.len()).unwrap_or(0).saturating_add(1);
    let mut contents = Zeroizing::new(Vec::with_capacity(length));
    open.read_to_end(&mut contents).map_err(fault)?;
    Ok(contents)
}

/// Waits until nobody else has this file locked, and locks it.
pub(crate) fn lock(file: &Path) -> Result<File, Failure> {
    let fault = |error: io::Error| Failure::at(file, error);
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let lock = open(file, &mut options)?;
    let metadata = lock.metadata().map_err(fault)?;
    check_file(file, &metadata)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        // Whoever may open it may keep it locked.
        if metadata.permissions().mode() & 0o077 != 0 {
            lock.set_permissions(PermissionsExt::from_mode(0o600)).map_err(fault)?;
        }
    }
    lock.lock().map_err(fault)?;
    Ok(lock)
}

/// Writes a new file; what is there stays.
pub(crate) fn create(file: &Path, contents: &[u8], mode: u32) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let written = options.open(file).and_then(|mut open| open.write_all(contents).and_then(|()| open.sync_all()));
    written.map_err(|error| Failure::at(file, error))
}

/// Writes a file that others see whole or not at all: a new one, synchronised, takes its name.
pub(crate) fn replace(file: &Path, contents: &[u8], mode: u32) -> Result<(), Failure> {
    let fault = |error: io::Error| Failure::at(file, error);
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    // What a crash has left; its mode may be another.
    let _ = fs::remove_file(&new);
    create(&new, contents, mode)?;
    fs::rename(&new, file).map_err(fault)?;
    // The new name has to survive as well.
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    #[cfg(unix)]
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(fault)?;
    Ok(())
}

/// Opens what is there itself, not what a link points to, and waits for no other end of a pipe.
fn open(file: &Path, options: &mut OpenOptions) -> Result<File, Failure> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;

        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
    }
    options.open(file).map_err(|error| {
        #[cfg(unix)]
        if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
            return Failure::at(file, "expected no symbolic link: what it points to may be somebody else's");
        }
        Failure::at(file, error)
    })
}

fn check_file(file: &Path, metadata: &Metadata) -> Result<(), Failure> {
    if !metadata.is_file() {
        return Err(Failure::at(file, "expected a regular file"));
    }
    check_owner(file, metadata)
}

/// Whoever owns a file may change its mode and what is in it.
fn check_owner(file: &Path, metadata: &Metadata) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;

        let (own, found) = (rustix::process::geteuid().as_raw(), metadata.uid());
        if own != found {
            let problem = format!("expected the owner to be the user who runs this, {own}, found {found}");
            return Err(Failure::at(file, problem));
        }
    }
    #[cfg(not(unix))]
    let _ = (file, metadata);
    Ok(())
}
