//! What translation has to say about a configuration it could not follow to the letter.

use std::fmt;

use ferro_model::object::ObjectKey;

/// Something a policy asks for that the proxies of a view do not get, or not as asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finding {
    /// What kind of finding, for machines.
    pub code: Code,
    /// The object that asks.
    pub object: Option<ObjectKey>,
    /// Where in it, `spec.http[0].route[1]`; empty if the whole is meant.
    pub field: String,
    /// What happens instead and what to do, for people.
    pub message: String,
}

/// Kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// Asked for and not built yet; what would be unsafe without it is not served.
    Unsupported,
    /// Two owners want the same thing and one got it.
    Conflict,
    /// A route leads to a service or subset that the view does not have; such requests get 503.
    MissingDestination,
    /// A service that cannot be served as declared.
    Unservable,
}

impl Code {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Unsupported, Self::Conflict, Self::MissingDestination, Self::Unservable];

    /// The name of the kind, for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::Conflict => "conflict",
            Self::MissingDestination => "missing-destination",
            Self::Unservable => "unservable",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.code.as_str())?;
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}
