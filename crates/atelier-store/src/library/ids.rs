//! Names that never change, for things whose shown names may: UUIDs in the order in which they were made (version 7).

use std::fmt;
use std::str::FromStr;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Error;

/// Declares the id of a kind of thing.
macro_rules! id {
    ($name:ident, $what:literal) => {
        #[doc = concat!("The id of ", $what, ".")]
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// One that nothing has yet.
            pub(crate) fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|error| Error::Invalid {
                        what: concat!("id of ", $what),
                        value: text.to_owned(),
                        problem: error.to_string(),
                    })
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(self.0.to_string()))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let id = Uuid::try_parse(value.as_str()?);
                id.map(Self)
                    .map_err(|error| FromSqlError::Other(Box::new(error)))
            }
        }
    };
}

id!(DatasetId, "a dataset");
id!(ImageId, "a picture in the versions of a dataset");
id!(RunId, "a run");
id!(ModelId, "a fine-tuned model");
id!(JobId, "a job");
id!(PictureId, "a drawn picture");
id!(StartPictureId, "a start picture");
id!(AccountId, "an account");
id!(TokenId, "a token");

impl JobId {
    /// One that no job has yet, so that files can be put where the job will look for them.
    pub fn unused() -> Self {
        Self::new()
    }
}
