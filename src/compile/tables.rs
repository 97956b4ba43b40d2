//! The tables of processes, column by column.
//!
//! The migration that creates a table is written from this list, and a test compares the two: names,
//! types and comments. To add a column, add it here and to a new migration, and raise
//! [`VERSION`](super::rules::VERSION), so that all processes are compiled again.

use std::borrow::Cow;

use crate::compile::cell::Cell;
use crate::compile::list::List;
use crate::compile::row::Row;
use crate::compile::summary::write_counts;
use crate::compile::table::{Column, Kind, Table, Value};

/// The tables of processes. The table of the processes themselves is the last one, because a row of
/// it says that the rows of the others are there.
pub(super) const TABLES: [Table; 12] = [
    AWARD,
    SUPPLIER,
    CONTRACT,
    PARTY,
    TENDERER,
    ITEM,
    DOCUMENT,
    MILESTONE,
    TRANSACTION,
    LOT,
    RELATED_PROCESS,
    PROCESS,
];

pub(super) const AWARD: Table = Table {
    name: "award",
    label: "ocds.award",
    comment: "An award of a process.",
    lists: &[List::new("", "", "awards")],
    columns: &[
        Column::of_row(
            "position",
            "position in its list, counted from 0",
            Kind::Integer,
            |row| Cell::Integer(row.position),
        ),
        Column::new("award_id", "id", Value::Text),
        Column::new("title", "title", Value::Text),
        Column::new("description", "description", Value::Text),
        Column::new("status", "status", Value::Text),
        Column::new("date", "date", Value::Date),
        Column::new("value", "value/amount", Value::Amount),
        Column::new("currency", "value/currency", Value::Text),
        Column::new("period_start", "contractPeriod/startDate", Value::Date),
        Column::new("period_end", "contractPeriod/endDate", Value::Date),
        Column::new("period_days", "contractPeriod", Value::Days),
        Column::new("suppliers", "suppliers", Value::Count),
        Column::of_row(
            "supplier_names",
            "suppliers/name, or else the name of the party with the id",
            Kind::Texts,
            supplier_names,
        ),
        Column::new("items", "items", Value::Count),
        Column::new("documents", "documents", Value::Count),
    ],
};

pub(super) const SUPPLIER: Table = Table {
    name: "supplier",
    label: "ocds.supplier",
    comment: "A supplier of an award. The value is that of the whole award, also if it is joint.",
    lists: &[List::new("", "awards", "suppliers")],
    columns: &[
        Column::of_row(
            "award_position",
            "position of the award, counted from 0",
            Kind::Integer,
            |row| Cell::Integer(row.around_position),
        ),
        Column::of_row(
            "position",
            "position in its list, counted from 0",
            Kind::Integer,
            |row| Cell::Integer(row.position),
        ),
        Column::of_row("party_id", "id", Kind::Text, |row| {
            Cell::text(row.organisation().id.clone())
        }),
        Column::of_row(
            "name",
            "name, or else the name of the party with this id",
            Kind::Text,
            |row| Cell::text(row.organisation().name.clone()),
        ),
        Column::of_row(
            "identifier_scheme",
            "identifier/scheme, or else that of the party",
            Kind::Text,
            |row| Cell::text(row.organisation().scheme.clone()),
        ),
        Column::of_row(
            "identifier",
            "identifier/id, or else that of the party",
            Kind::Text,
            |row| Cell::text(row.organisation().identifier.clone()),
        ),
        Column::of_row(
            "scheme_id",
            "identifier/scheme and identifier/id, joined by a hyphen",
            Kind::Text,
            |row| Cell::text(row.organisation().scheme_id()),
        ),
        Column::of_row(
            "party_position",
            "position of the party with this id",
            Kind::Integer,
            |row| Cell::integer(row.organisation().party),
        ),
        Column::of_row(
            "award_value",
            "value/amount of the award",
            Kind::Amount,
            |row| row.award_value().0,
        ),
        Column::of_row(
            "award_currency",
            "value/currency of the award",
            Kind::Text,
            |row| row.award_value().1,
        ),
        Column::of_row(
            "joint",
            "number of suppliers of the award",
            Kind::Integer,
            suppliers_of_award,
        ),
    ],
};

pub(super) const CONTRACT: Table = Table {
    name: "contract",
    label: "ocds.contract",
    comment: "A contract of a process.",
    lists: &[List::new("", "", "contracts")],
    columns: &[
        Column::of_row(
            "position",
            "position in its list, counted from 0",
            Kind::Integer,
            |row| Cell::Integer(row.position),
        ),
        Column::new("contract_id", "id", Value::Text),
        Column::new("award_id", "awardID", Value::Text),
        Column::of_row(
            "award_position",
            "position of the first award with the id awardID",
            Kind::Integer,
            award_position,
        ),
        Column::new("title", "title", Value::Text),
        Column::new("description", "description", Value::Text),
        Column::new("status", "status", Value::Text),
        Column::new("date_signed", "dateSigned", Value::Date),
        Column::new("value", "value/amount", Value::Amount),
        Column::new("currency", "value/currency", Value::Text),
        Column::new("period_start", "period/startDate", Value::Date),
        Column::new("period_end", "period/endDate", Value::Date),
        Column::new("period_days", "period", Value::Days),
        Column::new("items", "items", Value::Count),
        Column::of_row(
            "documents",
            "number of contracts/documents and contracts/implementation/documents",
            Kind::Integer,
            |row| count_with_implementation(row, "documents", "implementation/documents"),
        ),
        Column::of_row(
            "milestones",
            "number of contracts/milestones and contracts/implementation/milestones",
            Kind::Integer,
            |row| count_with_implementation(row, "milestones", "implementation/milestones"),
        ),
        Column::new("transactions", "implementation/transactions", Value::Count),
    ],
};

pub(super) const PARTY: Table = Table {
    name: "party",
    label: "ocds.party",
    comment: "An organisation that takes part in a process. Contacts are left out, because they are people.",
    lists: &[List::new("", "", "parties")],
    columns: &[
        Column::of_row(
            "position",
            "position in its list, counted from 0",
            Kind::Integer,
            |row| Cell::Integer(row.position),
        ),
        Column::new("party_id", "id", Value::Text),
        Column::new("name", "name", Value::Text),
        Column::new("roles", "roles", Value::Texts),
        Column::new("identifier_scheme", "identifier/scheme", Value::Text),
        Column::new("identifier", "identifier/id", Value::Text),
        Column::new("scheme_id", "identifier", Value::SchemeId),
        Column::new("street", "address/streetAddress", Value::Text),
        Column::new("locality", "address/locality", Value::Text),
        Column::new("region", "address/region", Value::Text),
        Column::new("postal_code", "address/postalCode", Value::Text),
        Column::new("country", "address/countryName", Value::Text),
    ],
};

pub(super) const TENDERER: Table = Table {
    name: "tenderer",
    label: "ocds.tenderer",
    comment: "An organisation that submitted a tender.",
    lists: &[List::new("", "", "tender/tenderers")],
    columns: &[
        Column::of_row(
            "position",
            "position in its list, counted from 0",
            Kind::Integer,
            |row| Cell::Integer(row.position),
        ),
        Column::of_row("party_id", "id", Kind::Text, |row| {
            Cell::text(row.organisation().id.clone())
        }),
        Column::of_row(
            "name",
            "name, or else the name of the party with this id",
            Kind::Text,
            |row| Cell::text(row.organisation().name.clone()),
        ),
        Column::of_row(
            "identifier_scheme",
            "identifier/scheme, or else that of the party",
            Kind::Text,
            |row| Cell::text(row.organisation().scheme.clone()),
        ),
        Column::of_row(
            "identifier",
            "identifier/id, or else that of the party",
            Kind::Text,
            |row| Cell::text(row.organisation().identifier.clone()),
        ),
        Column::of_row(
            "scheme_id",
            "identifier/scheme and identifier/id, joined by a hyphen",
            Kind::Text,
            |row| Cell::text(row.organisation().scheme_id()),
        ),
        Column::of_row(
            "party_position",
            "position of the party with this id",
            Kind::Integer,
            |row| Cell::integer(row.organisation().party),
        ),
    ],
};

pub(super) const ITEM: Table = Table {
    name: "item",
    label: "ocds.item",
    comment: "An item of a tender, an award or a contract.",
    lists: &[
        List::new("tender", "tender", "items"),
        List::new("award", "awards", "items"),
        List::new("contract", "contracts", "items"),
    ],
    columns: &[
        Column::of_row(
            "section",
            "the part of the process: tender, award or contract",
            Kind::Text,
            section,
        ),
        Column::of_row(
            "section_position",
            "position of the award or contract around it, counted from 0; 0 in another part",
            Kind::Integer,
            |row| Cell::Integer(row.around_position),
        ),
        Column::of_row(
            "position",
            "position in its list, counted from 0",
            Kind::Integer,
            |row| Cell::Integer(row.position),
        ),
        Column::new("item_id", "id", Value::Text),
        Column::new("description", "description", Value::Text),
        Column::new(
            "classification_scheme",
            "classification/scheme",
            Value::Text,
        ),
        Column::new("classification_id", "classification/id", Value::Text),
        Column::new(
            "classification_description",
            "classification/description",
            Value::Text,
        ),
        Column::of_row(
            "additional_classifications",
            "additionalClassifications, each as scheme-id",
            Kind::Texts,
            additional_classifications,
        ),
        Column::new("quantity", "quantity", Value::Amount),
        Column::new("unit", "unit/name", Value::Text),
        Column::new("unit_value", "unit/value/amount", Value::Amount),
        Column::new("unit_currency", "unit/value/currency", Value::Text),
    ],
};

pub(super) const DOCUMENT: Table = Table {
    name: "document",
    label: "ocds.document",
    comment: "A document of a part of a process.",
    lists: &[
        List::new("planning", "planning", "documents"),
        List::new("tender", "tender", "documents"),
        List::new("award", "awards", "documents"),
        List::new("contract", "contracts", "documents"),
        List::new("implementation", "contracts", "implementation/documents"),
    ],
    columns: &[
        Column::of_row(
            "section",
            "the part of the process: planning, tender, award, contract or implementation",
            Kind::Text,
            section,
        ),
        Column::of_row(
            "section_position",
            "position of the award or contract around it, counted from 0; 0 in another part",
            Kind::Integer,
            |row| Cell::Integer(row.around_position),
        ),
        Column::of_row(
            "position",
            "position in its list, counted from 0",
            Kind::Integer,
            |row| Cell::Integer(row.position),
        ),
        Column::new("document_id", "id", Value::Text),
        Column::new("document_type", "documentType", Value::Text),
        Column::new("title", "title", Value::Text),
        Column::new("url", "url", Value::Text),
        Column::new("format", "format", Value::Text),
        Column::new("language", "language", Value::Text),
        Column::new("date_published", "datePublished", Value::Date),
        Column::new("date_modified", "dateModified", Value::Date),
    ],
};

pub(super) const MILESTONE: Table = Table {
    name: "milestone",
    label: "ocds.milestone",
    comment: "A milestone of a part of a process.",
    lists: &[
        List::new("planning", "planning", "milestones"),
        List::new("tender", "tender", "milestones"),
        List::new("contract", "contracts", "milestones"),
        List::new("implementation", "contracts", "implementation/milestones"),
    ],
    columns: &[
        Column::of_row(
            "section",
            "the part of the process: planning, tender, contract or implementation",
            Kind::Text,
            section,
        ),
        Column::of_row(
            "section_position",
            "position of the award or contract around it, counted from 0; 0 in another part",
            Kind::Integer,
            |row| Cell::Integer(row.around_position),
        ),
        Column::of_row(
            "position",
            "position in its list, counted from 0",
            Kind::Integer,
            |row| Cell::Integer(row.position),
        ),
        Column::new("milestone_id", "id", Value::Text),
        Column::new("milestone_type", "type", Value::Text),
        Column::new("title", "title", Value::Text),
        Column::new("status", "status", Value::Text),
        Column::new("due_date", "dueDate", Value::Date),
        Column::new("date_met", "dateMet", Value::Date),
        Column::new("date_modified", "dateModified", Value::Date),
    ],
};

pub(super) const TRANSACTION: Table = Table {
    name: "transaction",
    label: "ocds.transaction",
    comment: "A payment under a contract.",
    lists: &[List::new("", "contracts", "implementation/transactions")],
    columns: &[
        Column::of_row(
            "contract_position",
            "position of the contract, counted from 0",
            Kind::Integer,
            |row| Cell::Integer(row.around_position),
        ),
        Column::of_row(
            "position",
            "position in its list, counted from 0",
            Kind::Integer,
            |row| Cell::Integer(row.position),
        ),
        Column::new("transaction_id", "id", Value::Text),
        Column::new("date", "date", Value::Date),
        Column::new("value", "value/amount", Value::AmountOr("amount/amount")),
        Column::new(
            "currency",
            "value/currency",
            Value::TextOr("amount/currency"),
        ),
        Column::of_row(
            "payer_id",
            "payer/id; in version 1.0 providerOrganization/id",
            Kind::Text,
            |row| organisation_id(row, ["payer", "providerOrganization"]),
        ),
        Column::of_row(
            "payer_name",
            "payer/name, or else the name of the party; in version 1.0 providerOrganization",
            Kind::Text,
            |row| organisation_name(row, ["payer", "providerOrganization"]),
        ),
        Column::of_row(
            "payee_id",
            "payee/id; in version 1.0 receiverOrganization/id",
            Kind::Text,
            |row| organisation_id(row, ["payee", "receiverOrganization"]),
        ),
        Column::of_row(
            "payee_name",
            "payee/name, or else the name of the party; in version 1.0 receiverOrganization",
            Kind::Text,
            |row| organisation_name(row, ["payee", "receiverOrganization"]),
        ),
    ],
};

pub(super) const LOT: Table = Table {
    name: "lot",
    label: "ocds.lot",
    comment: "A lot of a tender.",
    lists: &[List::new("", "", "tender/lots")],
    columns: &[
        Column::of_row(
            "position",
            "position in its list, counted from 0",
            Kind::Integer,
            |row| Cell::Integer(row.position),
        ),
        Column::new("lot_id", "id", Value::Text),
        Column::new("title", "title", Value::Text),
        Column::new("status", "status", Value::Text),
        Column::new("value", "value/amount", Value::Amount),
        Column::new("currency", "value/currency", Value::Text),
    ],
};

pub(super) const RELATED_PROCESS: Table = Table {
    name: "related_process",
    label: "ocds.related_process",
    comment: "A process that is related to a process or to one of its contracts.",
    lists: &[
        List::new("process", "", "relatedProcesses"),
        List::new("contract", "contracts", "relatedProcesses"),
    ],
    columns: &[
        Column::of_row(
            "section",
            "the part of the process: process or contract",
            Kind::Text,
            section,
        ),
        Column::of_row(
            "section_position",
            "position of the award or contract around it, counted from 0; 0 in another part",
            Kind::Integer,
            |row| Cell::Integer(row.around_position),
        ),
        Column::of_row(
            "position",
            "position in its list, counted from 0",
            Kind::Integer,
            |row| Cell::Integer(row.position),
        ),
        Column::new("related_id", "id", Value::Text),
        Column::new("relationship", "relationship", Value::Texts),
        Column::new("title", "title", Value::Text),
        Column::new("scheme", "scheme", Value::Text),
        Column::new("identifier", "identifier", Value::Text),
        Column::new("uri", "uri", Value::Text),
    ],
};

pub(super) const PROCESS: Table = Table {
    name: "process",
    label: "ocds.process",
    comment: "A contracting process in its current state.",
    lists: &[],
    columns: &[
        Column::of_process(
            "origin",
            "merged from several releases, the content of a single one, or the publisher's compiled release",
            Kind::Text,
            |it| Cell::Text(it.state.origin.as_str().into()),
        ),
        Column::of_process(
            "releases",
            "number of stored releases",
            Kind::Integer,
            |it| Cell::count(it.state.releases),
        ),
        Column::of_process(
            "release_id",
            "id of the release that is the content, if it is a single one",
            Kind::Text,
            |it| Cell::text(it.state.release_id.as_deref()),
        ),
        Column::of_process(
            "first_date",
            "earliest date of the releases",
            Kind::Date,
            |it| Cell::date(it.state.first_date),
        ),
        Column::of_process(
            "last_date",
            "latest date of the releases",
            Kind::Date,
            |it| Cell::date(it.state.last_date),
        ),
        Column::of_process(
            "changed_at",
            "when the content here last changed",
            Kind::Date,
            |it| Cell::Date(it.state.changed_at),
        ),
        Column::of_process(
            "content_hash",
            "BLAKE3 of the content and of what else the rows depend on",
            Kind::Bytes,
            |it| Cell::Bytes(it.state.content_hash.to_vec()),
        ),
        Column::of_process(
            "merge_error",
            "why the releases could not be merged or the rows not be stored",
            Kind::Text,
            |it| Cell::text(it.state.merge_error.as_deref()),
        ),
        Column::of_process(
            "repeated_ids",
            "number of entries of arrays that repeat the id of an earlier one of the same release, and were merged into it",
            Kind::Integer,
            |it| Cell::count(it.state.repeated_ids),
        ),
        Column::of_process("tags", "distinct tags of the releases", Kind::Texts, |it| {
            Cell::texts(
                it.state
                    .tags
                    .iter()
                    .map(|tag| tag.as_str().into())
                    .collect(),
            )
        }),
        Column::new("language", "language", Value::Text),
        Column::new("initiation_type", "initiationType", Value::Text),
        Column::new("title", "title", Value::Text),
        Column::new("description", "description", Value::Text),
        Column::of_process("buyer_id", "buyer/id", Kind::Text, |it| {
            Cell::text(it.summary.buyer.id.clone())
        }),
        Column::of_process(
            "buyer_scheme_id",
            "identifier of the buyer, as scheme-id",
            Kind::Text,
            |it| Cell::text(it.summary.buyer.scheme_id()),
        ),
        Column::of_process(
            "buyer_name",
            "buyer/name, or else the name of the party",
            Kind::Text,
            |it| Cell::text(it.summary.buyer.name.clone()),
        ),
        Column::of_process(
            "procuring_entity_id",
            "tender/procuringEntity/id",
            Kind::Text,
            |it| Cell::text(it.summary.procuring_entity.id.clone()),
        ),
        Column::of_process(
            "procuring_entity_scheme_id",
            "identifier of the procuring entity, as scheme-id",
            Kind::Text,
            |it| Cell::text(it.summary.procuring_entity.scheme_id()),
        ),
        Column::of_process(
            "procuring_entity_name",
            "tender/procuringEntity/name, or else the name of the party",
            Kind::Text,
            |it| Cell::text(it.summary.procuring_entity.name.clone()),
        ),
        Column::new(
            "budget_amount",
            "planning/budget/amount/amount",
            Value::Amount,
        ),
        Column::new(
            "budget_currency",
            "planning/budget/amount/currency",
            Value::Text,
        ),
        Column::new("budget_project", "planning/budget/project", Value::Text),
        Column::new("planning_rationale", "planning/rationale", Value::Text),
        Column::new("tender_id", "tender/id", Value::Text),
        Column::new("tender_title", "tender/title", Value::Text),
        Column::new("tender_description", "tender/description", Value::Text),
        Column::new("tender_status", "tender/status", Value::Text),
        Column::new("tender_value", "tender/value/amount", Value::Amount),
        Column::new("tender_currency", "tender/value/currency", Value::Text),
        Column::new("tender_min_value", "tender/minValue/amount", Value::Amount),
        Column::new(
            "tender_min_currency",
            "tender/minValue/currency",
            Value::Text,
        ),
        Column::new("tender_max_value", "tender/maxValue/amount", Value::Amount),
        Column::new(
            "tender_max_currency",
            "tender/maxValue/currency",
            Value::Text,
        ),
        Column::new(
            "procurement_method",
            "tender/procurementMethod",
            Value::Text,
        ),
        Column::new(
            "procurement_method_details",
            "tender/procurementMethodDetails",
            Value::Text,
        ),
        Column::new(
            "procurement_method_rationale",
            "tender/procurementMethodRationale",
            Value::Text,
        ),
        Column::new(
            "main_procurement_category",
            "tender/mainProcurementCategory",
            Value::Text,
        ),
        Column::new(
            "additional_procurement_categories",
            "tender/additionalProcurementCategories",
            Value::Texts,
        ),
        Column::new("award_criteria", "tender/awardCriteria", Value::Text),
        Column::new("submission_method", "tender/submissionMethod", Value::Texts),
        Column::new(
            "eligibility_criteria",
            "tender/eligibilityCriteria",
            Value::Text,
        ),
        Column::new("tender_start", "tender/tenderPeriod/startDate", Value::Date),
        Column::new("tender_end", "tender/tenderPeriod/endDate", Value::Date),
        Column::new("tender_days", "tender/tenderPeriod", Value::Days),
        Column::new(
            "enquiry_start",
            "tender/enquiryPeriod/startDate",
            Value::Date,
        ),
        Column::new("enquiry_end", "tender/enquiryPeriod/endDate", Value::Date),
        Column::new("enquiry_days", "tender/enquiryPeriod", Value::Days),
        Column::new(
            "award_period_start",
            "tender/awardPeriod/startDate",
            Value::Date,
        ),
        Column::new(
            "award_period_end",
            "tender/awardPeriod/endDate",
            Value::Date,
        ),
        Column::new("award_period_days", "tender/awardPeriod", Value::Days),
        Column::new(
            "contract_period_start",
            "tender/contractPeriod/startDate",
            Value::Date,
        ),
        Column::new(
            "contract_period_end",
            "tender/contractPeriod/endDate",
            Value::Date,
        ),
        Column::new("contract_period_days", "tender/contractPeriod", Value::Days),
        Column::new(
            "number_of_tenderers",
            "tender/numberOfTenderers",
            Value::Integer,
        ),
        Column::new("tenderers", "tender/tenderers", Value::Count),
        Column::new("tender_items", "tender/items", Value::Count),
        Column::new("lots", "tender/lots", Value::Count),
        Column::of_process(
            "documents",
            "number of documents of all parts",
            Kind::Integer,
            |it| Cell::count(it.summary.documents),
        ),
        Column::of_process(
            "documents_by_type",
            "number of documents by documentType",
            Kind::Json,
            |it| json(write_counts(&it.summary.documents_by_type)),
        ),
        Column::of_process(
            "milestones",
            "number of milestones of all parts",
            Kind::Integer,
            |it| Cell::count(it.summary.milestones),
        ),
        Column::of_process(
            "milestones_by_type",
            "number of milestones by type",
            Kind::Json,
            |it| json(write_counts(&it.summary.milestones_by_type)),
        ),
        Column::of_process("awards", "number of awards", Kind::Integer, |it| {
            Cell::count(it.summary.awards)
        }),
        Column::of_process(
            "active_awards",
            "number of awards with the status active",
            Kind::Integer,
            |it| Cell::count(it.summary.active_awards),
        ),
        Column::of_process(
            "awards_without_status",
            "number of awards without a status",
            Kind::Integer,
            |it| Cell::count(it.summary.awards_without_status),
        ),
        Column::of_process(
            "first_award_date",
            "earliest awards/date of the awards that count: not cancelled, unsuccessful or pending",
            Kind::Date,
            |it| Cell::date(it.summary.award_dates.first),
        ),
        Column::of_process(
            "last_award_date",
            "latest awards/date of the awards that count",
            Kind::Date,
            |it| Cell::date(it.summary.award_dates.last),
        ),
        Column::of_process(
            "award_value",
            "sum of awards/value of the awards that count; null if they have several currencies",
            Kind::Amount,
            |it| Cell::amount(it.summary.award_value.amount()),
        ),
        Column::of_process(
            "award_currency",
            "currency of award_value",
            Kind::Text,
            |it| Cell::text(it.summary.award_value.currency()),
        ),
        Column::of_process(
            "award_value_by_currency",
            "sums of awards/value of the awards that count, if they have several currencies",
            Kind::Json,
            |it| json(it.summary.award_value.by_currency()),
        ),
        Column::of_process(
            "award_value_active",
            "sum of awards/value of the active awards; null if they have several currencies",
            Kind::Amount,
            |it| Cell::amount(it.summary.active_award_value.amount()),
        ),
        Column::of_process(
            "award_currency_active",
            "currency of award_value_active",
            Kind::Text,
            |it| Cell::text(it.summary.active_award_value.currency()),
        ),
        Column::of_process(
            "award_value_active_by_currency",
            "sums of awards/value of the active awards, if they have several currencies",
            Kind::Json,
            |it| json(it.summary.active_award_value.by_currency()),
        ),
        Column::of_process(
            "suppliers",
            "number of distinct suppliers of the awards that count, told apart by id, or else by scheme-id or name",
            Kind::Integer,
            |it| Cell::count(it.summary.suppliers),
        ),
        Column::of_process(
            "supplier_names",
            "distinct names of the suppliers of the awards that count",
            Kind::Texts,
            |it| Cell::texts(it.summary.supplier_names.clone()),
        ),
        Column::of_process("contracts", "number of contracts", Kind::Integer, |it| {
            Cell::count(it.summary.contracts)
        }),
        Column::of_process(
            "first_signed",
            "earliest contracts/dateSigned of the contracts that count: not cancelled, unsuccessful or pending",
            Kind::Date,
            |it| Cell::date(it.summary.signature_dates.first),
        ),
        Column::of_process(
            "last_signed",
            "latest contracts/dateSigned of the contracts that count",
            Kind::Date,
            |it| Cell::date(it.summary.signature_dates.last),
        ),
        Column::of_process(
            "contract_value",
            "sum of contracts/value of the contracts that count; null if they have several currencies",
            Kind::Amount,
            |it| Cell::amount(it.summary.contract_value.amount()),
        ),
        Column::of_process(
            "contract_currency",
            "currency of contract_value",
            Kind::Text,
            |it| Cell::text(it.summary.contract_value.currency()),
        ),
        Column::of_process(
            "contract_value_by_currency",
            "sums of contracts/value of the contracts that count, if they have several currencies",
            Kind::Json,
            |it| json(it.summary.contract_value.by_currency()),
        ),
        Column::of_process(
            "contract_end",
            "latest contracts/period/endDate of the contracts that count",
            Kind::Date,
            |it| Cell::date(it.summary.contract_end),
        ),
        Column::of_process(
            "transactions",
            "number of transactions of all contracts",
            Kind::Integer,
            |it| Cell::count(it.summary.transactions),
        ),
        Column::of_process(
            "spent",
            "sum of the values of all transactions; null if they have several currencies",
            Kind::Amount,
            |it| Cell::amount(it.summary.spent.amount()),
        ),
        Column::of_process("spent_currency", "currency of spent", Kind::Text, |it| {
            Cell::text(it.summary.spent.currency())
        }),
        Column::of_process(
            "spent_by_currency",
            "sums of the values of all transactions, if they have several currencies",
            Kind::Json,
            |it| json(it.summary.spent.by_currency()),
        ),
        Column::of_process(
            "parties_by_role",
            "number of parties by role",
            Kind::Json,
            |it| json(write_counts(&it.summary.parties_by_role)),
        ),
        Column::new("related_processes", "relatedProcesses", Value::Count),
        Column::of_process(
            "unread",
            "columns whose value is there and could not be read as a date or a number, as table.column",
            Kind::Texts,
            |it| Cell::texts(it.document.unread()),
        ),
        Column::of_process(
            "merged",
            "the merged release; null if it is the stored release or the publisher's one, see the view compiled_release",
            Kind::Json,
            |it| match &it.state.merged {
                Some(merged) => Cell::Json(merged.as_str().into()),
                None => Cell::Null,
            },
        ),
        Column::of_process(
            "absent_since",
            "since when the publisher serves nothing of the process any more; null while it does",
            Kind::Date,
            |it| Cell::date(it.state.absent_since),
        ),
    ],
};

fn section<'t>(row: &Row<'_, 't>) -> Cell<'t> {
    Cell::Text(row.section.into())
}

/// Returns the names of the suppliers of an award.
fn supplier_names<'t>(row: &Row<'_, 't>) -> Cell<'t> {
    let suppliers = row.document.entries(row.find("suppliers"));
    let names = suppliers.filter_map(|(_, at)| row.document.organisation(at).name);
    Cell::texts(names.collect())
}

/// Returns the number of suppliers of the award around a supplier.
fn suppliers_of_award<'t>(row: &Row<'_, 't>) -> Cell<'t> {
    Cell::integer(row.summary.suppliers_of_award.get(&row.around).copied())
}

/// Counts entries of a contract and of its implementation.
fn count_with_implementation<'t>(
    row: &Row<'_, 't>,
    list: &'static str,
    of_implementation: &'static str,
) -> Cell<'t> {
    let lists = [list, of_implementation].map(|path| row.document.count(row.find(path)));
    Cell::count(lists[0] + lists[1])
}

/// Finds the position of the first award that a contract names.
fn award_position<'t>(row: &Row<'_, 't>) -> Cell<'t> {
    let award = row.document.text(row.find("awardID"));
    Cell::integer(award.and_then(|id| row.summary.award_positions.get(&id).copied()))
}

/// Lists the additional classifications of an item as `scheme-id`, or as the id alone.
fn additional_classifications<'t>(row: &Row<'_, 't>) -> Cell<'t> {
    let document = row.document;
    let list = document.entries(row.find("additionalClassifications"));
    let classifications = list.filter_map(|(_, at)| {
        let scheme = document.text(document.find(at, "scheme"));
        let id = document.text(document.find(at, "id"))?;
        Some(match scheme {
            Some(scheme) => format!("{scheme}-{id}").into(),
            None => id,
        })
    });
    Cell::texts(classifications.collect())
}

/// Returns the id of an organisation that a transaction names. The second name is that of version
/// 1.0 of the standard.
fn organisation_id<'t>(row: &Row<'_, 't>, names: [&'static str; 2]) -> Cell<'t> {
    let at = row.find(names[0]).or_else(|| row.find(names[1]));
    Cell::text(at.and_then(|at| row.document.organisation(at).id))
}

/// Returns the name of an organisation that a transaction names, as [`organisation_id`].
fn organisation_name<'t>(row: &Row<'_, 't>, names: [&'static str; 2]) -> Cell<'t> {
    let at = row.find(names[0]).or_else(|| row.find(names[1]));
    Cell::text(at.and_then(|at| row.document.organisation(at).name))
}

fn json<'t>(text: Option<String>) -> Cell<'t> {
    text.map_or(Cell::Null, |text| Cell::Json(Cow::Owned(text)))
}
