//! Objects that take no other properties, inside of larger ones.

use std::collections::BTreeMap;

use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{RefOr, Schema};

type Schemas = BTreeMap<String, RefOr<Schema>>;

/// Where a schema is all of another that is closed, and more, nothing could be both. What is said of the other is put in its place,
/// open.
pub(super) fn open_inside_larger(schemas: &mut Schemas) {
    let closed: Schemas = schemas
        .iter()
        .filter_map(|(name, schema)| Some((reference(name), opened(schema)?)))
        .collect();
    for schema in schemas.values_mut() {
        let RefOr::T(Schema::AllOf(whole)) = schema else {
            continue;
        };
        for part in &mut whole.items {
            let RefOr::Ref(to) = part else {
                continue;
            };
            if let Some(object) = closed.get(&to.ref_location) {
                *part = object.clone();
            }
        }
    }
}

fn reference(name: &str) -> String {
    format!("#/components/schemas/{name}")
}

/// The schema without being closed; nothing where it is not.
fn opened(schema: &RefOr<Schema>) -> Option<RefOr<Schema>> {
    let RefOr::T(Schema::Object(object)) = schema else {
        return None;
    };
    let Some(AdditionalProperties::FreeForm(false)) = object.additional_properties.as_deref()
    else {
        return None;
    };
    let mut open = object.clone();
    open.additional_properties = None;
    Some(RefOr::T(Schema::Object(open)))
}
