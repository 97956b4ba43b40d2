//! Builds the requests for a page, an item, an index or a file from the source's templates.
//!
//! [`TargetPolicy`] decides whether a URL may be requested.

use std::sync::Arc;

use jiff::Zoned;
use url::Url;

use crate::error::{Error, Result};
use crate::fetch::scope::{Axes, Scope};
use crate::http::host::link_error;
use crate::http::{RequestBody, Target, TargetPolicy};
use crate::page::{Cursor, Position};
use crate::source::{Body, Detail, Escaping, Index, Method, Source, Template, Values};
use crate::userinfo::{ENCODING_ADVICE, has_unclear_userinfo};

/// Turns positions in a source's feed into targets of requests.
#[derive(Clone, Copy)]
pub(crate) struct Addresses<'a> {
    pub(super) source: &'a Source,
    pub(super) policy: &'a TargetPolicy,
}

impl<'a> Addresses<'a> {
    /// Returns the target of a page. If the source has an index, it is the target of the index
    /// page that names the page's items.
    pub(crate) fn page_target(self, scope: &Scope, position: &Position) -> Result<Target> {
        let mut cursor = &position.cursor;
        while let Cursor::Detail { index, .. } = cursor {
            cursor = index;
        }
        let values = TemplateValues::new(self, scope, Some(cursor), None);
        let body = self
            .source
            .body
            .as_ref()
            .map(|body| values.render_body(body));
        let url = match cursor {
            Cursor::Link(link) => self.policy.permit_link(link)?,
            _ => self.build_page_url(&values, cursor)?,
        };
        Ok(Target {
            method: self.source.method(),
            url,
            body,
            is_signed: false,
        })
    }

    /// Returns true if the page's link was stored with the placeholder of a token, and no token
    /// has been issued yet.
    pub(super) fn is_token_missing(self, position: &Position) -> bool {
        matches!(&position.cursor, Cursor::Link(link) if self.policy.is_token_missing(link))
    }

    pub(super) fn file_target(self, url: &Url) -> Target {
        let mut url = url.clone();
        self.policy.add_credentials(&mut url);
        Target {
            method: Method::Get,
            url,
            body: None,
            is_signed: true,
        }
    }

    /// Returns the target of an item that a page of an index names. `url` is the URL of that
    /// page, and relative URLs of items start from it.
    pub(super) fn item_target(
        self,
        detail: &Detail,
        scope: &Scope,
        url: &Url,
        item: &str,
    ) -> Result<Target> {
        let values = TemplateValues::new(self, scope, None, Some(item));
        let joined = url.join(&values.render(&detail.url, Escaping::Url));
        let url =
            joined.map_err(|e| link_error("what the index names has no URL").with_source(e))?;
        let templates = detail.body.iter().flat_map(Body::templates);
        let templates = templates.chain(std::iter::once(&detail.url));
        let mut url = self.policy.permit(url, "the index", templates)?;
        self.policy.add_credentials(&mut url);
        Ok(Target {
            method: detail.method,
            url,
            body: detail.body.as_ref().map(|body| values.render_body(body)),
            is_signed: false,
        })
    }

    /// Returns the target of a page of an axis's index. `axes` are the values of the axes that its
    /// request may contain.
    pub(super) fn index_target(
        self,
        index: &Index,
        axes: &Axes,
        position: &Position,
    ) -> Result<Target> {
        let scope = Scope {
            axes: Arc::new(axes.clone()),
            ..Scope::default()
        };
        let values = TemplateValues::new(self, &scope, Some(&position.cursor), None);
        let url = match &position.cursor {
            Cursor::Link(link) => self.policy.permit_link(link)?,
            cursor => {
                let text = values.render(&index.url, Escaping::Url);
                if has_unclear_userinfo(&text) {
                    return Err(Error::config(format!(
                        "the URL of an axis: {ENCODING_ADVICE}"
                    )));
                }
                let url = Url::parse(&text);
                let mut url = url
                    .map_err(|e| Error::config("the URL of an axis is not valid").with_source(e))?;
                if let (Some(param), Some(value)) = (index.page.param(), find_parameter(cursor)) {
                    set_parameter(&mut url, param, &value);
                }
                let templates = index.body.iter().flat_map(Body::templates);
                let templates = templates.chain(std::iter::once(&index.url));
                self.policy.permit(url, "an axis", templates)?
            }
        };
        Ok(Target {
            method: index.method,
            url,
            body: index.body.as_ref().map(|body| values.render_body(body)),
            is_signed: false,
        })
    }

    /// Builds the URL of a page that has no link leading to it.
    fn build_page_url(self, values: &TemplateValues<'_>, cursor: &Cursor) -> Result<Url> {
        let Source {
            url: template,
            query,
            body,
            page,
            ..
        } = self.source;
        let joined = self
            .policy
            .own_url()
            .join(&values.render(template, Escaping::Url));
        let mut url = joined.map_err(|e| link_error("its URL is not valid").with_source(e))?;
        url.set_fragment(None);
        for (name, template) in query {
            set_parameter(&mut url, name, &values.render(template, Escaping::Plain));
        }
        if let (Some(param), Some(value)) = (page.param(), find_parameter(cursor)) {
            set_parameter(&mut url, param, &value);
        }
        let templates = std::iter::once(template).chain(query.values());
        let templates = templates.chain(body.iter().flat_map(Body::templates));
        self.policy.permit(url, "its URL", templates)
    }
}

struct TemplateValues<'a> {
    addresses: Addresses<'a>,
    scope: &'a Scope,
    cursor: Option<&'a Cursor>,
    item: Option<&'a str>,
    /// The start and the end of the window, in the source's time zone.
    dates: Option<(Zoned, Zoned)>,
}

impl<'a> TemplateValues<'a> {
    fn new(
        addresses: Addresses<'a>,
        scope: &'a Scope,
        cursor: Option<&'a Cursor>,
        item: Option<&'a str>,
    ) -> Self {
        let zone = addresses.source.window_zone();
        let zoned = |instant: jiff::Timestamp| instant.to_zoned(zone.clone());
        Self {
            addresses,
            scope,
            cursor,
            item,
            dates: scope
                .window
                .map(|window| (zoned(window.from), zoned(window.to))),
        }
    }

    fn render(&self, template: &Template, escaping: Escaping) -> String {
        template.render(&self.values(), escaping, |name| self.secret(name))
    }

    fn render_body(&self, body: &Body) -> RequestBody {
        RequestBody {
            media_type: body.media_type(),
            bytes: body
                .render(&self.values(), &|name| self.secret(name))
                .into(),
        }
    }

    fn secret(&self, name: &str) -> String {
        self.addresses.policy.secret(name).to_owned()
    }

    fn values(&self) -> Values<'_> {
        let window = self.addresses.source.window.as_ref();
        let mut values = Values {
            from: self.dates.as_ref().map(|(from, _)| from),
            to: self.dates.as_ref().map(|(_, to)| to),
            format: window.map_or("", |window| &window.format),
            item: self.item,
            axes: Some(&self.scope.axes),
            ..Values::default()
        };
        match self.cursor {
            Some(Cursor::Number(number)) => values.page = Some(*number),
            Some(Cursor::Offset(offset)) => values.offset = Some(*offset),
            Some(Cursor::Token(token)) => values.token = Some(token),
            Some(Cursor::Start | Cursor::Link(_) | Cursor::Piece(_) | Cursor::Detail { .. })
            | None => {}
        }
        values
    }
}

/// Returns the value of the query parameter that selects the page.
fn find_parameter(cursor: &Cursor) -> Option<String> {
    match cursor {
        Cursor::Number(count) | Cursor::Offset(count) => Some(count.to_string()),
        Cursor::Token(token) => Some(token.clone()),
        Cursor::Start | Cursor::Link(_) | Cursor::Piece(_) | Cursor::Detail { .. } => None,
    }
}

/// Sets one query parameter and leaves the others unchanged.
fn set_parameter(url: &mut Url, name: &str, value: &str) {
    let is_present = url.query_pairs().any(|(present, _)| present == name);
    if is_present {
        let others: Vec<(String, String)> = url
            .query_pairs()
            .into_owned()
            .filter(|(present, _)| present != name)
            .collect();
        url.query_pairs_mut().clear().extend_pairs(others);
    }
    url.query_pairs_mut().append_pair(name, value);
}

#[cfg(test)]
mod tests;
