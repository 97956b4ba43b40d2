//! Walks along one file: opens or downloads it, cuts it into pieces, and returns each piece as a
//! page.

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
use crate::fetch::file::input::{self, Input, check_kind, file_error};
use crate::fetch::first_page_of_file;
use crate::fetch::page::handled_statuses;
use crate::fetch::run_state::RunState;
use crate::fetch::scope::Scope;
use crate::http::{Answer, RequestSpec, Target};
use crate::page::{Cursor, Mark, Page, Position, RememberedPage, UnchangedPage, UnreadablePage};

type Arrived = Result<Answer<()>>;

/// The walk along one file, whose pieces are the pages of a chain.
pub(crate) struct FileWalk {
    run: RunState,
    pub(crate) scope: Scope,
    /// The file that the user named. `None` if the source declares the file.
    input: Option<Input>,
    until: Option<u64>,
    next: Position,
    /// The URL of the file, without secrets.
    url: String,
    /// Writes the file to disk. `None` once that has ended.
    arriving: Option<BoxFuture<'static, Arrived>>,
    arrived: Option<Arrived>,
    file: Option<FileReader>,
    /// The record that an earlier run stored of the file's next piece. `None` if the file has
    /// changed.
    known: Option<Arc<RememberedPage>>,
    /// `None` while the cutter runs on another thread.
    cutter: Option<Box<Cutter>>,
    /// The pieces that have been cut off but not delivered.
    found: VecDeque<NextPiece>,
    /// True if nothing more can be cut off.
    is_at_end: bool,
    /// Describes the first part that could not be read, if there is one.
    unreadable: Option<String>,
    is_over: bool,
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
            known: None,
            cutter: None,
            found: VecDeque::new(),
            is_at_end: false,
            unreadable: None,
            is_over: false,
        }
    }

    /// Returns the next event. Returns `None` after the last page to fetch, and after the end of
    /// the file.
    pub(crate) async fn advance(&mut self) -> Option<Event> {
        let is_wanted =
            self.until.is_none_or(|until| self.next.number <= until) && self.run.has_pages_left();
        let is_through = self.is_at_end && self.found.is_empty() && self.known.is_none();
        if self.is_over || !(is_wanted || is_through) {
            return None;
        }
        let budget = self.run.budget.clone();
        let mut permit = self.await_beside_arrival(budget.acquire(0)).await;
        match self.next_page().await {
            Ok(Some(fetched)) => {
                if !matches!(fetched, Fetched::Unchanged(_)) {
                    self.run.known.forget();
                }
                let is_wanted = self.run.count_page();
                permit.set_bytes(fetched.estimate_memory());
                is_wanted.then(|| Event::Page(Box::new(fetched), permit))
            }
            Ok(None) => {
                self.is_over = true;
                Some(self.build_end_event())
            }
            Err(error) => {
                self.is_over = true;
                let is_gone = matches!(self.arrived, Some(Ok(Answer::Status(404 | 410))));
                let error = error.context(format!("read {}", self.describe()));
                Some(match is_gone {
                    true => Event::Gone(error),
                    false => Event::Failed(error),
                })
            }
        }
    }

    /// Returns the event that ends the file. It is a failure if a part could not be read. A resumed
    /// run tries to read that part again.
    fn build_end_event(&self) -> Event {
        let Some(what) = &self.unreadable else {
            return Event::Ended {
                scope: self.scope.clone(),
                is_whole: true,
            };
        };
        let message = format!("{} cannot be read to its end: {what}", self.describe());
        Event::Failed(Error::new(Kind::Truncated, message))
    }

    fn describe(&self) -> String {
        let source = &self.run.fetcher.source().name;
        match &self.input {
            Some(Input::Stdin) => "standard input".into(),
            Some(input) => input.to_string(),
            None if self.scope.is_part() => format!("the file of {source} in {}", self.scope),
            None => format!("the file of {source}"),
        }
    }

    /// Waits for something while the file continues to arrive.
    async fn await_beside_arrival<T>(&mut self, waited: impl Future<Output = T>) -> T {
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

    async fn next_page(&mut self) -> Result<Option<Fetched>> {
        loop {
            if self.known.is_some() && self.run.known.is_forgotten() {
                // a page of another chain has changed since the file was requested
                self.download_again();
            }
            if let Some(remembered) = self.known.take() {
                return Ok(Some(Fetched::Unchanged(
                    self.record_unchanged_page(remembered),
                )));
            }
            if self.cutter.is_none() && !self.is_at_end {
                self.open().await?;
                self.skip_durable().await?;
            }
            // a second piece is cut first, because a page is the last one if no piece follows it
            if self.found.len() > 1 || self.is_at_end {
                break;
            }
            self.cut_piece().await?;
        }
        let number = self.next.number;
        Ok(match self.found.pop_front() {
            Some(NextPiece::Piece(piece, mark)) => {
                let next = (!self.found.is_empty()).then(|| Position {
                    number: number + 1,
                    cursor: Cursor::Piece(mark),
                });
                Some(Fetched::Page(self.build_page(piece, next)))
            }
            Some(NextPiece::Unreadable(body, message, mark)) => {
                // the message may have the title of an HTML page, which may show a secret
                let message = self
                    .run
                    .fetcher
                    .redactor()
                    .redact_text(&message)
                    .into_owned();
                self.unreadable.get_or_insert_with(|| message.clone());
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
                    is_refused: false,
                }))
            }
            Some(NextPiece::End) | None => None,
        })
    }

    fn build_page(&mut self, piece: Piece, next: Option<Position>) -> Page {
        let mut envelope = piece.envelope.unwrap_or_default();
        self.run.fetcher.target_policy().redact_json(&mut envelope);
        let page = Page {
            chain: self.scope.chain(),
            position: self.next.clone(),
            next,
            total_pages: None,
            total_items: None,
            more_pages: None,
            url: self.url.clone(),
            fetched_at: Timestamp::now(),
            envelope,
            documents: piece.documents,
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

    fn record_unchanged_page(&mut self, remembered: Arc<RememberedPage>) -> UnchangedPage {
        let page = UnchangedPage {
            chain: self.scope.chain(),
            position: self.next.clone(),
            url: self.url.clone(),
            fetched_at: Timestamp::now(),
            validators: remembered.validators.clone(),
            remembered,
        };
        if let Some(next) = page.next() {
            self.known = self.run.known.find_page(&page.chain, &next.cursor);
            self.next = next;
            if self.known.is_none() {
                // the stored pages of the file are incomplete, so the file is downloaded
                self.download_again();
            }
        }
        page
    }

    /// Downloads the file although it may not have changed. Its pages follow those that were
    /// delivered.
    fn download_again(&mut self) {
        self.known = None;
        self.arrived = None;
        self.is_at_end = false;
        self.next.cursor = Cursor::Start;
    }

    /// Cuts off the next piece, on a thread that may block.
    async fn cut_piece(&mut self) -> Result<()> {
        let Some(mut cutter) = self.cutter.take() else {
            return Ok(());
        };
        let cutting = tokio::task::spawn_blocking(move || {
            let cutting = cutter.next();
            (cutter, cutting)
        });
        let (cutter, cutting) = self
            .await_beside_arrival(cutting)
            .await
            .map_err(thread_error)?;
        self.cutter = Some(cutter);
        match cutting {
            Ok(NextPiece::End) => self.is_at_end = true,
            Ok(piece) => self.found.push_back(piece),
            Err(message) => self.handle_incomplete(message)?,
        }
        Ok(())
    }

    /// Ends the walk, because nothing of the file can be read.
    fn end_unreadable(&mut self, body: Bytes, message: String) {
        let piece = NextPiece::Unreadable(body, message, Mark::default());
        self.found.push_back(piece);
        self.is_at_end = true;
    }

    /// Decides what happens if the file did not arrive completely or cannot be read.
    fn handle_incomplete(&mut self, message: String) -> Result<()> {
        let source = self.run.fetcher.source();
        let is_untouched = self.next.cursor == Cursor::Start
            && self.found.is_empty()
            && !self.file.as_ref().is_some_and(FileReader::has_begun);
        match &self.arrived {
            // the file does not exist, and nothing of it had arrived before
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
                self.end_unreadable(body, message);
                Ok(())
            }
            Some(Err(_)) => match self.arrived.take() {
                Some(Err(error)) => Err(error),
                _ => Err(Error::environment(message)),
            },
            // the file has not changed since an earlier run stored it
            Some(Ok(Answer::Unchanged(_))) if is_untouched => {
                self.is_at_end = true;
                self.cutter = None;
                self.known = self.find_known_file();
                if self.known.is_none() {
                    self.download_again();
                }
                Ok(())
            }
            Some(Ok(Answer::Read(()) | Answer::Unchanged(_))) | None => {
                Err(Error::environment(message))
            }
        }
    }

    /// Skips the pieces that are durable already. If the file has changed, it is read from its
    /// beginning, and the page numbers continue.
    async fn skip_durable(&mut self) -> Result<()> {
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
        let (cutter, skipped) = self
            .await_beside_arrival(skipping)
            .await
            .map_err(thread_error)?;
        match skipped {
            Ok(true) => self.cutter = Some(cutter),
            Ok(false) => {
                warn!(
                    source.name = %self.run.fetcher.source().name,
                    "{} has changed and is read from its beginning", self.describe()
                );
                self.next.cursor = Cursor::Start;
                self.cutter = Some(Box::new(cutter.restart()));
            }
            Err(message) => self.handle_incomplete(message)?,
        }
        Ok(())
    }

    async fn open(&mut self) -> Result<()> {
        let fetcher = Arc::clone(&self.run.fetcher);
        if let Some(input) = &self.input {
            self.url = input.url();
        }
        let file = match &self.input {
            Some(Input::Path(path)) => self.open_local(open_path(path).await?)?,
            Some(Input::Stdin) => self.open_local(input::standard_input()?)?,
            Some(Input::Url(url)) => {
                let target = fetcher.addresses().file_target(url);
                self.begin_download(target, None)?
            }
            None => {
                let target = fetcher
                    .addresses()
                    .page_target(&self.scope, &first_page_of_file())?;
                self.url = fetcher.target_policy().redact_url(&target.url);
                let known = self.find_known_file();
                self.begin_download(target, known)?
            }
        };
        self.file = Some(file.clone());
        let cutter = Cutter::new(file, fetcher.source(), fetcher.limits());
        self.cutter = Some(Box::new(cutter));
        Ok(())
    }

    /// Returns what an earlier run stored of the file. Returns `None` if the file must be
    /// downloaded in any case.
    fn find_known_file(&self) -> Option<Arc<RememberedPage>> {
        if self.next.cursor != Cursor::Start {
            return None;
        }
        self.run
            .known
            .find_file(&self.scope.chain(), &self.next.cursor)
    }

    fn open_local(&mut self, file: File) -> Result<FileReader> {
        let metadata = file.metadata().map_err(file_error)?;
        check_kind(&metadata)?;
        let file_bytes = &self.run.fetcher.file_bytes;
        if metadata.is_file() {
            return Ok(FileReader::from_whole_file(
                file,
                metadata.len(),
                Some(file_bytes),
            ));
        }
        let pipe = pipe::Receiver::from_file(file).map_err(file_error)?;
        let (writer, reader) = self.create_temporary_file()?;
        self.arriving = Some(copy_pipe(pipe, writer).boxed());
        Ok(reader)
    }

    fn begin_download(
        &mut self,
        target: Target,
        known: Option<Arc<RememberedPage>>,
    ) -> Result<FileReader> {
        let fetcher = Arc::clone(&self.run.fetcher);
        let (writer, reader) = self.create_temporary_file()?;
        let page = self.next.number;
        let download = async move {
            let (source, client) = (fetcher.source(), &fetcher.client);
            let spec = RequestSpec {
                handled_statuses: &handled_statuses(source),
                validators: known.as_ref().map(|known| &known.validators),
                ..RequestSpec::new(&target, page, &client.pace)
            };
            download(client, &source.http, spec, writer).await
        };
        self.arriving = Some(download.boxed());
        Ok(reader)
    }

    fn create_temporary_file(&self) -> Result<(FileWriter, FileReader)> {
        let fetcher = &self.run.fetcher;
        let most = fetcher.limits().max_file_bytes;
        let created = FileWriter::new(most, &fetcher.file_bytes);
        created.map_err(temporary_file_error)
    }
}

impl Drop for FileWalk {
    /// Makes the thread that reads the file stop.
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            file.abandon();
        }
    }
}

fn thread_error(error: tokio::task::JoinError) -> Error {
    Error::unexpected("read a file").with_source(error)
}

async fn open_path(path: &Path) -> Result<File> {
    let file = tokio::fs::File::open(path).await.map_err(file_error)?;
    Ok(file.into_std().await)
}

async fn copy_pipe(mut pipe: pipe::Receiver, mut writer: FileWriter) -> Arrived {
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
