//! Decides which of several contents of one release is kept: the key `overwrite` of a source.

use serde::{Deserialize, Serialize};

use super::{Pagination, Source};

/// Decides whether a fetched release overwrites the stored release with the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Overwrite {
    /// The content with the newest `date` is kept, in whatever order files arrive. A release
    /// without a date is older than every other. Of two contents with the same date, that of the
    /// later run is kept, and within a run that of the later file or page.
    Newer,
    /// The publisher's present answer is kept, because a date may be what was corrected. The page
    /// that was served last is the present answer.
    Always,
}

impl Overwrite {
    /// Both words, in the order of their declaration.
    pub const ALL: [Self; 2] = [Self::Newer, Self::Always];

    /// Returns the word in the configuration, on the command line and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.as_str_ref()
    }

    /// Returns the word by reference, as the parameter of a statement.
    pub(crate) fn as_str_ref(self) -> &'static &'static str {
        match self {
            Self::Newer => &"newer",
            Self::Always => &"always",
        }
    }

    /// Returns the value of a word, or `None` if the word is unknown.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }
}

impl Source {
    /// Returns which content is kept of the releases of this source: the declared one, or else
    /// [`Source::default_overwrite`].
    #[must_use]
    pub fn overwrite(&self) -> Overwrite {
        self.overwrite.unwrap_or_else(|| self.default_overwrite())
    }

    /// Returns which content is kept unless the source or the command says so: the newest of
    /// files, whose order is often not that of time, and the present answer of feeds of pages.
    #[must_use]
    pub fn default_overwrite(&self) -> Overwrite {
        let is_of_files = match self.page {
            Pagination::File => true,
            Pagination::Single { .. } => {
                !self.axis.is_empty() && self.window.is_none() && self.detail.is_none()
            }
            Pagination::Link { .. }
            | Pagination::Number { .. }
            | Pagination::Offset { .. }
            | Pagination::Token { .. } => false,
        };
        match is_of_files {
            true => Overwrite::Newer,
            false => Overwrite::Always,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overwrite_of(table: &str) -> Overwrite {
        let source: Source = toml::from_str(table).unwrap();
        source.overwrite()
    }

    #[test]
    fn the_newest_date_is_kept_of_files_and_the_present_answer_of_pages() {
        let url = "url = \"https://feed.example/{axis.year}\"\naxis.year = [\"2024\", \"2023\"]";
        assert_eq!(overwrite_of(url), Overwrite::Newer);
        let window = format!("{url}\nwindow = {{ from = \"2020\", step = \"1mo\" }}");
        assert_eq!(overwrite_of(&window), Overwrite::Always);
        let numbers =
            format!("{url}\npage = {{ mode = \"number\", param = \"page\", stop = \"empty\" }}");
        assert_eq!(overwrite_of(&numbers), Overwrite::Always);
        let plain = "url = \"https://feed.example/\"";
        assert_eq!(overwrite_of(plain), Overwrite::Always);
        let file = format!("{plain}\npage = {{ mode = \"file\" }}");
        assert_eq!(overwrite_of(&file), Overwrite::Newer);
        let always = format!("{file}\noverwrite = \"always\"");
        assert_eq!(overwrite_of(&always), Overwrite::Always);
    }

    #[test]
    fn every_word_is_read_back() {
        for overwrite in Overwrite::ALL {
            assert_eq!(Overwrite::parse(overwrite.as_str()), Some(overwrite));
        }
        assert_eq!(Overwrite::parse("sometimes"), None);
    }
}
