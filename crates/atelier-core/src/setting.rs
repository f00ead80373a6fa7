//! What people are told about each setting of a training, so that forms are made of it and a new setting needs no other list.

/// What a setting can be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SettingKind {
    /// A word.
    Text {
        /// How long it may be.
        most_chars: usize,
    },
    /// Several texts.
    Texts {
        /// How many there may be.
        most: usize,
        /// How long each may be.
        most_chars: usize,
    },
    /// A whole number.
    Whole {
        /// The smallest.
        least: u64,
        /// The largest.
        most: u64,
    },
    /// A number.
    Number {
        /// What it must be larger than.
        more_than: Option<f64>,
        /// The smallest.
        least: Option<f64>,
        /// The largest.
        most: Option<f64>,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// Settings that belong together, in the order of forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SettingGroup {
    /// What is trained, and what it is called.
    Subject,
    /// What stands for many of the others.
    Strength,
    /// How long it takes.
    Length,
    /// What is drawn meanwhile.
    Previews,
    /// What becomes of pictures and captions.
    Pictures,
    /// The shape of the adapter.
    Adapter,
    /// How it learns.
    Optimizer,
    /// How it is computed.
    Computing,
}

crate::closed_choice!(SettingGroup, "group of settings", {
    Subject => "subject",
    Strength => "strength",
    Length => "length",
    Previews => "previews",
    Pictures => "pictures",
    Adapter => "adapter",
    Optimizer => "optimizer",
    Computing => "computing",
});

impl SettingGroup {
    /// What stands above them.
    pub fn label(self) -> &'static str {
        match self {
            Self::Subject => "Subject",
            Self::Strength => "Strength",
            Self::Length => "Length",
            Self::Previews => "Previews",
            Self::Pictures => "Pictures",
            Self::Adapter => "Adapter",
            Self::Optimizer => "Learning",
            Self::Computing => "Computing",
        }
    }
}

/// What people are told about a setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SettingAbout {
    /// Its name in files and requests.
    pub name: &'static str,
    /// What stands beside its field.
    pub label: &'static str,
    /// What it does: the documentation of its field.
    pub help: &'static str,
    /// With which others it is shown.
    pub group: SettingGroup,
    /// What it can be.
    pub kind: SettingKind,
}

/// Declares a structure of settings, and as `SETTINGS` what its documentation and `#[setting(label, group, kind)]` say of each.
macro_rules! described {
    (
        $(#[$attribute:meta])* pub struct $type:ident {
            $($(#[doc = $help:literal])+ #[setting($label:literal, $group:ident, $($kind:tt)+)] pub $name:ident: $of:ty,)+
        }
    ) => {
        $(#[$attribute])*
        pub struct $type {
            $($(#[doc = $help])+ pub $name: $of,)+
        }

        impl $type {
            /// What people are told about each setting, in their order.
            pub const SETTINGS: &'static [$crate::SettingAbout] = &[$($crate::SettingAbout {
                name: stringify!($name),
                label: $label,
                help: concat!($($help,)+).trim_ascii(),
                group: $crate::SettingGroup::$group,
                kind: $crate::SettingKind::$($kind)+,
            },)+];
        }
    };
}
pub(crate) use described;
