//! Invents releases that have the structure and the length of real ones.

use serde_json::{Value, json};

/// Returns a release of about 4.8 KB with the structure of real ones.
pub(crate) fn release(number: usize) -> Value {
    let organisation = |role: &str, n: usize| {
        json!({
            "id": format!("GB-COH-{:08}", n * 7919 % 99_999_999),
            "name": format!("{role} of the Northern District No. {n}"),
            "identifier": {"scheme": "GB-COH", "id": format!("{:08}", n * 7919 % 99_999_999), "legalName": format!("{role} of the Northern District No. {n}")},
            "address": {"streetAddress": format!("{} Station Road", n % 300), "locality": "Middleton", "postalCode": "MD4 7QX", "countryName": "United Kingdom"},
            "contactPoint": {"name": "Procurement Team", "email": format!("tenders{n}@example.org"), "telephone": "+44 20 7946 0000"},
            "roles": [role],
        })
    };
    let document = |n: usize| {
        json!({
            "id": format!("document-{number}-{n}"),
            "documentType": "biddingDocuments",
            "title": "Invitation to tender, volume 2 (\"specification\")",
            "url": format!("https://example.org/documents/{number}/{n}/specification.pdf"),
            "datePublished": "2025-11-03T09:30:00Z",
            "format": "application/pdf",
            "language": "en",
        })
    };
    let item = |n: usize| {
        json!({
            "id": format!("{n}"),
            "description": "Resurfacing of carriageways and footways, including drainage, kerbs and road markings",
            "classification": {"scheme": "CPV", "id": "45233220", "description": "Surface work for roads"},
            "quantity": 12 + n,
            "unit": {"name": "km", "value": {"amount": 185_000.5 + n as f64, "currency": "GBP"}},
        })
    };
    json!({
        "ocid": format!("ocds-h6vhtk-{number:06x}"),
        "id": format!("{number:06}-2025"),
        "date": "2025-11-03T09:30:00Z",
        "tag": ["tender", "award"],
        "initiationType": "tender",
        "language": "en",
        "parties": [organisation("buyer", number), organisation("supplier", number + 1), organisation("tenderer", number + 2)],
        "buyer": {"id": format!("GB-COH-{number:08}"), "name": format!("buyer of the Northern District No. {number}")},
        "tender": {
            "id": format!("tender-{number}"),
            "title": "Highways maintenance framework — northern district",
            "description": "The authority seeks a contractor for the planned and reactive maintenance of its roads. The framework runs for four years; call-offs are awarded by mini-competition. Caf\u{e9}s, kiosks and markets along the route stay open throughout, and works are phased around them.",
            "status": "complete",
            "procurementMethod": "open",
            "mainProcurementCategory": "works",
            "value": {"amount": 1_250_000.75, "currency": "GBP"},
            "tenderPeriod": {"startDate": "2025-09-01T00:00:00Z", "endDate": "2025-10-15T12:00:00+01:00"},
            "items": [item(1), item(2), item(3)],
            "documents": [document(1), document(2), document(3)],
        },
        "awards": [{
            "id": format!("award-{number}"),
            "title": "Highways maintenance framework, lot 1",
            "status": "active",
            "date": "2025-10-30T00:00:00Z",
            "value": {"amount": 1_199_500, "currency": "GBP"},
            "suppliers": [{"id": format!("GB-COH-{:08}", number + 1), "name": format!("supplier of the Northern District No. {}", number + 1)}],
        }],
        "contracts": [{
            "id": format!("contract-{number}"),
            "awardID": format!("award-{number}"),
            "status": "active",
            "period": {"startDate": "2025-12-01T00:00:00Z", "endDate": "2029-11-30T23:59:59Z"},
            "value": {"amount": 1_199_500, "currency": "GBP"},
            "dateSigned": "2025-11-02T16:00:00Z",
            "documents": [document(4)],
            "implementation": {"milestones": [{"id": "1", "title": "Mobilisation complete", "dueDate": "2026-01-15T00:00:00Z", "status": "scheduled"}]},
        }],
    })
}

/// Returns a release of about 4.7 KB with this number of items and documents of its tender. Only
/// the benchmark of processes uses it.
#[allow(dead_code, reason = "not all benchmarks need other releases")]
pub(crate) fn release_with(number: usize, items: usize, documents: usize) -> Value {
    const BYTES: usize = 4_700;
    let mut release = release(number);
    release["contracts"][0]
        .as_object_mut()
        .expect("a contract is an object")
        .retain(|name, _| name != "documents" && name != "implementation");
    for (list, count) in [("items", items), ("documents", documents)] {
        let entries = release["tender"][list].as_array().expect("a list");
        let entries = entries.iter().cycle().take(count).cloned().enumerate();
        let entries = entries.map(|(nth, mut entry)| {
            entry["id"] = json!(format!("{number}-{nth}"));
            entry
        });
        let entries: Vec<Value> = entries.collect();
        match entries.is_empty() {
            true => drop(
                release["tender"]
                    .as_object_mut()
                    .expect("a tender")
                    .remove(list),
            ),
            false => release["tender"][list] = Value::Array(entries),
        }
    }
    // real texts compress like this one, and not like a repeated letter
    let missing = BYTES.saturating_sub(release.to_string().len());
    let words = [
        "surface", "drainage", "kerb", "survey", "signage", "barrier", "verge", "culvert",
    ];
    let mut text = String::new();
    let mut seed = number;
    while text.len() < missing {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text += words[(seed >> 33) % words.len()];
        text.push(' ');
    }
    // half of it is a column of the process, and half is in no table
    let (described, other) = text.split_at(text.len() / 2);
    release["tender"]["description"] = json!(described);
    release["tender"]["techniques"] = json!({"note": other});
    release
}
