//! The walk along the pieces of a file.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tracing::warn;

use crate::decode::file::{
    Cutter, FileReader, FileWriter, NextPiece, Piece, WriteError, temporary_file_error,
};
use crate::error::{Error, Kind, Result};
use crate::fetch::event::{Event, Fetched};
use crate::fetch::file::download::download;
use crate::fetch::file::input::{self, Input, check, unusable};
use crate::fetch::first_page_of_file;
use crate::fetch::page::handled_statuses;
use crate::fetch::run_state::RunState;
use crate::fetch::scope::Scope;
use crate::http::{Answer, RequestSpec, Target};
use crate::page::{Cursor, Mark, Page, Position, Remembered, UnchangedPage, UnreadablePage};

/// How the arrival of a file ended.
type Arrived = Result<Answer<()>>;

/// The walk along the pieces of a file.
pub(crate) struct FileWalk {
    run: RunState,
    scope: Scope,
    /// The file, if it is one of a load.
    input: Option<Input>,
    until: Option<u64>,
    /// The page that comes next.
    next: Position,
    /// Where the file is, without secrets.
    url: String,
    /// What puts it on disk, until that is done.
    arriving: Option<BoxFuture<'static, Arrived>>,
    /// How that ended, unless it is whole.
    arrived: Option<Arrived>,
    file: Option<FileReader>,
    /// What is remembered of the file's next piece, if it has not changed.
    kept: Option<Arc<Remembered>>,
    /// What cuts it, unless it is cutting.
    cutter: Option<Box<Cutter>>,
    /// What was cut off it and is not delivered.
    found: VecDeque<Found>,
    /// Whether nothing more can be.
    is_at_end: bool,
    /// Whether all of it could be read.
    is_whole: bool,
    is_over: bool,
}

enum Found {
    Piece(Piece, Mark),
    Unreadable(Bytes, String, Mark),
}

impl FileWalk {
    pub(crate) fn new(
        run: RunState,
        scope: Scope,
        input: Option<Input>,
        next: Position,
        until: Option<u64>,
    ) -> Self {
        Self {
            run,
            scope,
            input,
            until,
            next,
            url: String::new(),
            arriving: None,
            arrived: None,
            file: None,
            kept: None,
            cutter: None,
            found: VecDeque::new(),
            is_at_end: false,
            is_whole: true,
            is_over: false,
        }
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// What comes next; `None` after the last page wanted, and after the end.
    pub(crate) async fn advance(&mut self) -> Option<Event> {
        let is_wanted =
            self.until.is_none_or(|until| self.next.number <= until) && self.run.has_pages_left();
        let is_through = self.is_at_end && self.found.is_empty() && self.kept.is_none();
        if self.is_over || !(is_wanted || is_through) {
            return None;
        }
        let budget = self.run.budget.clone();
        let mut permit = self.beside(budget.acquire(0)).await;
        match self.page().await {
            Ok(Some(fetched)) => {
                if !matches!(fetched, Fetched::Unchanged(_)) {
                    self.run.known.forget();
                }
                let is_wanted = self.run.count_page();
                permit.set_bytes(fetched.bytes());
                is_wanted.then(|| Event::Page(Box::new(fetched), permit))
            }
            Ok(None) => {
                self.is_over = true;
                Some(self.ending())
            }
            Err(error) => {
                self.is_over = true;
                let is_gone = matches!(self.arrived, Some(Ok(Answer::Status(404 | 410))));
                let error = error.context(format!("read {}", self.name()));
                Some(match is_gone {
                    true => Event::Gone(error),
                    false => Event::Failed(error),
                })
            }
        }
    }

    /// The end of the file, or that it was not whole: a run goes on with what cannot be
    /// read until it can.
    fn ending(&self) -> Event {
        if self.is_whole {
            return Event::Ended {
                scope: self.scope.clone(),
                is_whole: true,
            };
        }
        let message = format!("{} cannot be read to its end", self.name());
        Event::Failed(Error::new(Kind::Truncated, message))
    }

    /// What it is called, for people.
    fn name(&self) -> String {
        let source = &self.run.fetcher.source().name;
        match &self.input {
            Some(Input::Stdin) => "standard input".into(),
            Some(input) => input.to_string(),
            None if self.scope.is_part() => format!("the file of {source} in {}", self.scope),
            None => format!("the file of {source}"),
        }
    }

    /// Waits for something while the file goes on arriving.
    async fn beside<T>(&mut self, waited: impl Future<Output = T>) -> T {
        let mut waited = std::pin::pin!(waited);
        loop {
            let Some(arriving) = &mut self.arriving else {
                return waited.await;
            };
            tokio::select! {
                biased;
                done = &mut waited => return done,
                arrived = arriving => {
                    self.arriving = None;
                    self.arrived = Some(arrived);
                }
            }
        }
    }

    /// The page that comes next; `None` after the last.
    async fn page(&mut self) -> Result<Option<Fetched>> {
        loop {
            if self.kept.is_some() && self.run.known.is_forgotten() {
                // a page of another chain has changed since the file was asked for
                self.begin_again();
            }
            if let Some(remembered) = self.kept.take() {
                return Ok(Some(Fetched::Unchanged(self.unchanged(remembered))));
            }
            if self.cutter.is_none() && !self.is_at_end {
                self.open().await?;
                self.find().await?;
            }
            // a page is the last if there is none behind it
            if self.found.len() > 1 || self.is_at_end {
                break;
            }
            self.cut().await?;
        }
        let number = self.next.number;
        Ok(match self.found.pop_front() {
            Some(Found::Piece(piece, mark)) => {
                let next = (!self.found.is_empty()).then(|| Position {
                    number: number + 1,
                    cursor: Cursor::Piece(mark),
                });
                Some(Fetched::Page(self.page_of(piece, next)))
            }
            Some(Found::Unreadable(body, message, mark)) => {
                self.is_whole = false;
                let next = Position {
                    number: number + 1,
                    cursor: Cursor::Piece(mark),
                };
                Some(Fetched::Unreadable(UnreadablePage {
                    chain: self.scope.chain(),
                    position: std::mem::replace(&mut self.next, next),
                    url: self.url.clone(),
                    fetched_at: Timestamp::now(),
                    body,
                    message,
                }))
            }
            None => None,
        })
    }

    fn page_of(&mut self, piece: Piece, next: Option<Position>) -> Page {
        let mut envelope = piece.envelope.unwrap_or_default();
        self.run.fetcher.policy().redact_value(&mut envelope);
        let page = Page {
            chain: self.scope.chain(),
            position: self.next.clone(),
            next,
            total_pages: None,
            total_items: None,
            url: self.url.clone(),
            fetched_at: Timestamp::now(),
            envelope,
            parts: piece.parts,
            broken: piece.broken,
            entries: None,
            validators: self
                .file
                .as_ref()
                .map(FileReader::validators)
                .unwrap_or_default(),
        };
        if let Some(next) = &page.next {
            self.next = next.clone();
        }
        page
    }

    /// The next piece of a file that has not changed.
    fn unchanged(&mut self, remembered: Arc<Remembered>) -> UnchangedPage {
        let page = UnchangedPage {
            chain: self.scope.chain(),
            position: self.next.clone(),
            url: self.url.clone(),
            fetched_at: Timestamp::now(),
            validators: remembered.validators.clone(),
            remembered,
        };
        if let Some(next) = page.next() {
            self.kept = self.run.known.page(&page.chain, &next.cursor);
            self.next = next;
            if self.kept.is_none() {
                // nothing remembered counts any more
                self.begin_again();
            }
        }
        page
    }

    /// Has the file arrive whole, its pages to be those that follow.
    fn begin_again(&mut self) {
        self.kept = None;
        self.arrived = None;
        self.is_at_end = false;
        self.next.cursor = Cursor::Start;
    }

    /// Cuts the next piece off, on a thread that may wait for it.
    async fn cut(&mut self) -> Result<()> {
        let Some(mut cutter) = self.cutter.take() else {
            return Ok(());
        };
        let cutting = tokio::task::spawn_blocking(move || {
            let cutting = cutter.next();
            (cutter, cutting)
        });
        let (cutter, cutting) = self.beside(cutting).await.map_err(stopped)?;
        let is_first = self.next.cursor == Cursor::Start && self.found.is_empty();
        self.cutter = Some(cutter);
        match cutting {
            Ok(NextPiece::Piece(piece, mark)) => self.found.push_back(Found::Piece(piece, mark)),
            Ok(NextPiece::Unreadable(body, message, mark)) => {
                self.found.push_back(Found::Unreadable(body, message, mark));
            }
            Ok(NextPiece::End) if is_first => {
                self.end_with(Bytes::new(), "without documents".into());
            }
            Ok(NextPiece::End) => self.is_at_end = true,
            Err(message) => self.lose(message)?,
        }
        Ok(())
    }

    /// Nothing of the file can be read.
    fn end_with(&mut self, body: Bytes, message: String) {
        let mark = Mark::default();
        self.found.push_back(Found::Unreadable(body, message, mark));
        self.is_at_end = true;
    }

    /// What it means that the file did not arrive whole, or cannot be read.
    fn lose(&mut self, message: String) -> Result<()> {
        let source = self.run.fetcher.source();
        let is_untouched = self.next.cursor == Cursor::Start
            && self.found.is_empty()
            && !self.file.as_ref().is_some_and(FileReader::has_begun);
        match &self.arrived {
            // there is no such file, and none of it was there before
            Some(Ok(Answer::Status(status)))
                if is_untouched && source.http.empty_status.contains(status) =>
            {
                self.is_at_end = true;
                Ok(())
            }
            Some(Ok(Answer::Status(status))) => {
                Err(Error::new(Kind::Truncated, format!("status {status}")))
            }
            Some(Ok(Answer::Unreadable { body, message, .. })) => {
                let (body, message) = (body.clone(), message.clone());
                self.end_with(body, message);
                Ok(())
            }
            Some(Err(_)) => match self.arrived.take() {
                Some(Err(error)) => Err(error),
                _ => Err(Error::environment(message)),
            },
            // it was asked for only if it has changed
            Some(Ok(Answer::Unchanged(_))) if is_untouched => {
                self.is_at_end = true;
                self.cutter = None;
                self.kept = self.known();
                if self.kept.is_none() {
                    self.begin_again();
                }
                Ok(())
            }
            Some(Ok(Answer::Read(()) | Answer::Unchanged(_))) | None => {
                Err(Error::environment(message))
            }
        }
    }

    /// Passes over what is durable of the file. One that is not as it was is read
    /// from its beginning, under the numbers that follow.
    async fn find(&mut self) -> Result<()> {
        let Cursor::Piece(mark) = self.next.cursor.clone() else {
            return Ok(());
        };
        let Some(mut cutter) = self.cutter.take() else {
            return Ok(());
        };
        let skipping = tokio::task::spawn_blocking(move || {
            let skipped = cutter.skip_to(&mark);
            (cutter, skipped)
        });
        let (cutter, skipped) = self.beside(skipping).await.map_err(stopped)?;
        match skipped {
            Ok(true) => self.cutter = Some(cutter),
            Ok(false) => {
                warn!(
                    source.name = %self.run.fetcher.source().name,
                    "{} has changed and is read from its beginning", self.name()
                );
                self.next.cursor = Cursor::Start;
                self.cutter = Some(Box::new(cutter.restart()));
            }
            Err(message) => self.lose(message)?,
        }
        Ok(())
    }

    /// Opens the file, or has it arrive.
    async fn open(&mut self) -> Result<()> {
        let fetcher = Arc::clone(&self.run.fetcher);
        if let Some(input) = &self.input {
            self.url = input.url();
        }
        let file = match &self.input {
            Some(Input::Path(path)) => self.local(open(path).await?)?,
            Some(Input::Stdin) => self.local(input::standard_input()?)?,
            Some(Input::Url(url)) => {
                let target = fetcher.addresses().file(url);
                self.remote(target, None)?
            }
            None => {
                let target = fetcher
                    .addresses()
                    .page(&self.scope, &first_page_of_file())?;
                self.url = fetcher.policy().redact_url(&target.url);
                let known = self.known();
                self.remote(target, known)?
            }
        };
        self.file = Some(file.clone());
        let cutter = Cutter::new(file, fetcher.source(), fetcher.limits());
        self.cutter = Some(Box::new(cutter));
        Ok(())
    }

    /// What the file may be asked for by, if only for whether it has changed.
    fn known(&self) -> Option<Arc<Remembered>> {
        if self.next.cursor != Cursor::Start {
            return None;
        }
        self.run.known.file(&self.scope.chain(), &self.next.cursor)
    }

    /// A file of this machine, or what comes through a pipe.
    fn local(&mut self, file: File) -> Result<FileReader> {
        let metadata = file.metadata().map_err(unusable)?;
        check(&metadata)?;
        let file_bytes = self.run.fetcher.file_bytes();
        if metadata.is_file() {
            return Ok(FileReader::whole(file, metadata.len(), Some(file_bytes)));
        }
        let pipe = pipe::Receiver::from_file(file).map_err(unusable)?;
        let (writer, reader) = self.writer()?;
        self.arriving = Some(copy(pipe, writer).boxed());
        Ok(reader)
    }

    /// A file of the publisher's, which begins to arrive.
    fn remote(&mut self, target: Target, known: Option<Arc<Remembered>>) -> Result<FileReader> {
        let fetcher = Arc::clone(&self.run.fetcher);
        let (writer, reader) = self.writer()?;
        let page = self.next.number;
        let download = async move {
            let (source, client) = (fetcher.source(), fetcher.client());
            let spec = RequestSpec {
                handled_statuses: &handled_statuses(source),
                validators: known.as_ref().map(|known| &known.validators),
                ..RequestSpec::new(&target, page, client.pace())
            };
            download(client, &source.http, spec, writer).await
        };
        self.arriving = Some(download.boxed());
        Ok(reader)
    }

    fn writer(&self) -> Result<(FileWriter, FileReader)> {
        let fetcher = &self.run.fetcher;
        let most = fetcher.limits().max_file_bytes;
        let created = FileWriter::new(most, fetcher.file_bytes());
        created.map_err(|e| Error::environment("create a temporary file").with_source(e))
    }
}

impl Drop for FileWalk {
    /// Whoever reads the file on another thread ends too.
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            file.abandon();
        }
    }
}

fn stopped(error: tokio::task::JoinError) -> Error {
    Error::unexpected("read a file").with_source(error)
}

async fn open(path: &Path) -> Result<File> {
    let file = tokio::fs::File::open(path).await.map_err(unusable)?;
    Ok(file.into_std().await)
}

/// Puts what comes through a pipe on disk.
async fn copy(mut pipe: pipe::Receiver, mut writer: FileWriter) -> Arrived {
    let mut piece = vec![0; 64 << 10];
    let unkept = |unkept: WriteError| match unkept {
        WriteError::TooLarge(_) => Error::config(unkept.to_string()),
        WriteError::Disk(error) => temporary_file_error(error),
    };
    loop {
        let read = pipe.read(&mut piece).await;
        match read.map_err(|e| Error::environment("read the pipe").with_source(e))? {
            0 => break,
            read => {
                writer.count_local(read);
                writer.write(&piece[..read]).await.map_err(unkept)?;
            }
        }
    }
    writer.end().await.map_err(temporary_file_error)?;
    Ok(Answer::Read(()))
}
