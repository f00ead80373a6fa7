//! The one table of error codes: what a program can match on, the exit code, and what a person can do.

/// A stable name for a kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// A flag, a setting or a request has an invalid value.
    InvalidInput,
    /// A folder holds no usable picture.
    DatasetEmpty,
    /// A picture cannot be used: damaged, too small, too large.
    BadPicture,
    /// A weights file is truncated, inconsistent or of another format.
    BadWeights,
    /// A base lacks a part or has one that does not fit.
    BadBase,
    /// An adapter does not fit the base.
    AdapterMismatch,
    /// A named thing does not exist.
    NotFound,
    /// Somebody else changed the same thing in the meantime.
    Conflict,
    /// The library's catalogue or one of its files is damaged.
    DamagedLibrary,
    /// The library's catalogue is another program's, or a newer one's.
    OtherLibrary,
    /// A model hub does not let this user read what was asked for.
    AccessDenied,
    /// A model hub cannot be reached, or does not do what was asked.
    Network,
    /// What a model hub sent is not what it announced.
    BadDownload,
    /// A run cannot be resumed with these inputs.
    CannotResume,
    /// The loss is no longer a finite number.
    LossNotFinite,
    /// A drawing is no longer made of finite numbers.
    PictureNotFinite,
    /// A device cannot be used, or failed.
    Device,
    /// More memory is needed than is free, or than a device has.
    NotEnoughMemory,
    /// A request comes from where none is answered, such as another site's page, or from somebody who may not do that.
    Forbidden,
    /// Nobody was recognised, and what is asked for is not for everybody.
    Unauthenticated,
    /// Something was tried too often in a short time.
    RateLimited,
    /// A request is larger than is accepted.
    TooLarge,
    /// More is asked for at once than is done at once.
    Busy,
    /// The address to listen on is another program's.
    AddressInUse,
    /// Reading or writing a file failed.
    Io,
    /// A defect of this program.
    Internal,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: &'static [Self] = &[
        Self::InvalidInput,
        Self::DatasetEmpty,
        Self::BadPicture,
        Self::BadWeights,
        Self::BadBase,
        Self::AdapterMismatch,
        Self::NotFound,
        Self::Conflict,
        Self::DamagedLibrary,
        Self::OtherLibrary,
        Self::AccessDenied,
        Self::Network,
        Self::BadDownload,
        Self::CannotResume,
        Self::LossNotFinite,
        Self::PictureNotFinite,
        Self::Device,
        Self::NotEnoughMemory,
        Self::Forbidden,
        Self::Unauthenticated,
        Self::RateLimited,
        Self::TooLarge,
        Self::Busy,
        Self::AddressInUse,
        Self::Io,
        Self::Internal,
    ];

    /// The code as it stands in JSON.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The exit status of the command: 2 for bad usage or input, 1 for a failure.
    pub fn exit_status(self) -> u8 {
        self.row().1
    }

    /// What a person can do about it.
    pub fn hint(self) -> &'static str {
        self.row().2
    }

    #[expect(clippy::too_many_lines, reason = "it is one table")]
    fn row(self) -> (&'static str, u8, &'static str) {
        match self {
            Self::InvalidInput => (
                "invalid_input",
                2,
                "correct the value; `--help` lists what is accepted",
            ),
            Self::DatasetEmpty => (
                "dataset_empty",
                2,
                "put PNG, JPEG, WebP, GIF or BMP pictures directly into the folder",
            ),
            Self::BadPicture => (
                "bad_picture",
                2,
                "use another picture; in training, remove it or pass --skip-bad to go on without it",
            ),
            Self::BadWeights => (
                "bad_weights",
                2,
                "fetch the file again, or export it as safetensors",
            ),
            Self::BadBase => (
                "bad_base",
                2,
                "give a complete diffusers folder, or a whole checkpoint in one .safetensors file",
            ),
            Self::AdapterMismatch => (
                "adapter_mismatch",
                2,
                "use the adapter with the base that it was trained on",
            ),
            Self::NotFound => (
                "not_found",
                2,
                "check the name; the matching `list` command shows what exists",
            ),
            Self::Conflict => (
                "conflict",
                1,
                "look at what there is now, and make the change again",
            ),
            Self::DamagedLibrary => (
                "damaged_library",
                1,
                "`atelier db check` lists what is damaged; add the named files again, or take them from a backup",
            ),
            Self::OtherLibrary => (
                "other_library",
                1,
                "use the program that wrote it or a newer one, or set ATELIER_HOME to another folder",
            ),
            Self::AccessDenied => (
                "access_denied",
                2,
                "accept the licence on the repository's page, and set HF_TOKEN to a token that may read it",
            ),
            Self::Network => (
                "network",
                1,
                "check the connection and HF_ENDPOINT; the same command goes on where this one stopped",
            ),
            Self::BadDownload => (
                "bad_download",
                1,
                "run the command again; when it fails again, look at what HF_ENDPOINT and a proxy give",
            ),
            Self::CannotResume => (
                "cannot_resume",
                2,
                "resume with the same dataset, base and settings, or start in a new folder",
            ),
            Self::LossNotFinite => (
                "loss_not_finite",
                1,
                "lower the learning rate, and look at the named picture",
            ),
            Self::PictureNotFinite => (
                "picture_not_finite",
                1,
                "lower the guidance or the strength of the adapters, and check the base's weights",
            ),
            Self::Device => (
                "device",
                1,
                "update the driver, close other programs that use the device, or pass --device cpu",
            ),
            Self::NotEnoughMemory => (
                "not_enough_memory",
                1,
                "close other programs, or use smaller pictures, a smaller batch, --recompute layer when training, or on the processor --precision int8; --device cpu is the processor",
            ),
            Self::Forbidden => (
                "forbidden",
                2,
                "open the page at the address that `atelier serve` prints, and send requests from there; what an account may do is said by its role",
            ),
            Self::Unauthenticated => (
                "unauthenticated",
                2,
                "log in, or send a token that `atelier token add` printed as `Authorization: Bearer TOKEN`",
            ),
            Self::RateLimited => ("rate_limited", 1, "wait as long as `Retry-After` says"),
            Self::TooLarge => (
                "too_large",
                2,
                "send less in one request; /api/v1/about says how much is accepted",
            ),
            Self::Busy => ("busy", 1, "wait a moment, and send the request again"),
            Self::AddressInUse => (
                "address_in_use",
                1,
                "stop the other program, which may be another `atelier serve`, or give another port with --listen",
            ),
            Self::Io => ("io", 1, "check free space, permissions and the path"),
            Self::Internal => (
                "internal",
                1,
                "this is a defect of the program; please report it with the command that led to it",
            ),
        }
    }
}

/// An error that knows its code.
pub trait Coded: std::error::Error + Send + Sync + 'static {
    /// The kind of failure.
    fn code(&self) -> ErrorCode;
}

/// Any error that knows its code.
pub type BoxedError = Box<dyn Coded>;

impl<E: Coded> From<E> for BoxedError {
    fn from(error: E) -> Self {
        Box::new(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_exit_codes_are_one_or_two() {
        let mut names: Vec<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        assert!(
            ErrorCode::ALL
                .iter()
                .all(|code| matches!(code.exit_status(), 1 | 2))
        );
    }
}
