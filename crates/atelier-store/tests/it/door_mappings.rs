//! Words of other houses, and the bases that stand for them.

use atelier_core::DoorWord;
use atelier_store::DoorMapping;

use crate::Studio;

fn mapping(kind: DoorWord, name: &str, base: Option<&str>) -> DoorMapping {
    DoorMapping {
        kind,
        name: name.to_owned(),
        base: base.map(str::to_owned),
    }
}

#[test]
fn words_are_mapped_until_they_are_not() {
    let studio = Studio::new();
    let library = &studio.library;
    assert!(library.list_door_mappings().unwrap().is_empty());
    let preset = mapping(DoorWord::Preset, "ANIME", Some("dreamy"));
    let version = mapping(DoorWord::SdVersion, "SDXL_1_0", Some("big"));
    let set = vec![preset.clone(), version.clone()];
    library.set_door_mappings(set).unwrap();
    assert_eq!(
        library.list_door_mappings().unwrap(),
        [version, preset.clone()]
    );
    let change = vec![
        mapping(DoorWord::SdVersion, "SDXL_1_0", None),
        mapping(DoorWord::SdVersion, "v1_5", None),
        mapping(DoorWord::Preset, "ANIME", Some("other")),
    ];
    library.set_door_mappings(change).unwrap();
    let base = Some("other".to_owned());
    assert_eq!(
        library.list_door_mappings().unwrap(),
        [DoorMapping { base, ..preset }]
    );
}
