//! Words that the clients of other houses are known to use.
//!
//! Source: versions and presets are the closed lists of Leonardo.Ai's client for Node, 4.21.3; models are those that its service
//! lists as its own, and those that its guides and its first client for Python, 1.7.0, name.

use atelier_core::DoorWord;

/// Models of Leonardo.Ai, the older ones at the end: ids, and what they are called there.
#[rustfmt::skip]
pub const MODELS: [(&str, &str); 23] = [
    ("b24e16ff-06e3-43eb-8d33-4416c2d75876", "Leonardo Lightning XL"),
    ("de7d3faf-762f-48e0-b3b7-9d0ac3a3fcf3", "Leonardo Phoenix 1.0"),
    ("6b645e3a-d64f-4341-a6d8-7a3690fbf042", "Leonardo Phoenix 0.9"),
    ("7b592283-e8a7-4c5a-9ba6-d18c31f258b9", "Lucid Origin"),
    ("05ce0082-2d80-4a2d-8653-4d1c85e2418e", "Lucid Realism"),
    ("b2614463-296c-462a-9586-aafdb8f00e36", "Flux Dev"),
    ("1dd50843-d653-4516-a8e3-f0238ee453ff", "Flux Schnell"),
    ("aa77f04e-3eec-4034-9c07-d0f619684628", "Leonardo Kino XL"),
    ("5c232a9e-9061-4777-980a-ddc8e65647c6", "Leonardo Vision XL"),
    ("e71a1c2f-4f80-4800-934f-2c68979d8cc8", "Leonardo Anime XL"),
    ("1e60896f-3c26-4296-8ecc-53e2afecc132", "Leonardo Diffusion XL"),
    ("2067ae52-33fd-4a82-bb92-c2c55e7d2786", "AlbedoBase XL"),
    ("16e7060a-803e-4df3-97ee-edcfa5dc9cc8", "SDXL 1.0"),
    ("ac614f96-1082-45bf-be9d-757f2d31c174", "DreamShaper v7"),
    ("e316348f-7773-490e-adcd-46757c738eb7", "Absolute Reality v1.6"),
    ("b820ea11-02bf-4652-97ae-9ac0cc00593d", "Leonardo Diffusion"),
    ("6bef9f1b-29cb-40c7-b9df-32b51c1f67d3", "Leonardo Creative"),
    ("cd2b2a15-9760-4174-a5ff-4d2925057376", "Leonardo Select"),
    ("291be633-cb24-434f-898f-e662799936ad", "Leonardo Signature"),
    ("d69c8273-6b17-4a30-a13e-d6637ae1c644", "3D Animation Style"),
    ("1aa0f478-51be-4efd-94e8-76bfc8f533af", "Anime Pastel Dream"),
    ("f1929ea3-b169-4c18-a16c-5d58b4292c69", "RPG v5"),
    ("17e4edbf-690b-425d-a466-53c816f0de8a", "Vintage Style Photography"),
];

/// Versions.
const VERSIONS: [&str; 16] = [
    "v1_5",
    "v2",
    "v3",
    "SDXL_0_8",
    "SDXL_0_9",
    "SDXL_1_0",
    "SDXL_LIGHTNING",
    "LEONARDO_DIFFUSION_XL",
    "LEONARDO_LIGHTNING_XL",
    "VISION_XL",
    "KINO_XL",
    "ALBEDO_XL",
    "KINO_2_0",
    "PHOENIX",
    "FLUX",
    "FLUX_DEV",
];

/// Presets.
#[rustfmt::skip]
const PRESETS: [&str; 31] = [
    "ANIME", "BOKEH", "CINEMATIC", "CINEMATIC_CLOSEUP", "CREATIVE", "DYNAMIC", "ENVIRONMENT",
    "FASHION", "FILM", "FOOD", "GENERAL", "HDR", "ILLUSTRATION", "LEONARDO", "LONG_EXPOSURE",
    "MACRO", "MINIMALISTIC", "MONOCHROME", "MOODY", "NONE", "NEUTRAL", "PHOTOGRAPHY", "PORTRAIT",
    "RAYTRACED", "RENDER_3D", "RETRO", "SKETCH_BW", "SKETCH_COLOR", "STOCK_PHOTO", "VIBRANT",
    "UNPROCESSED",
];

/// Every word of a kind.
pub fn known(kind: DoorWord) -> Vec<&'static str> {
    match kind {
        DoorWord::ModelId => MODELS.iter().map(|(id, _)| *id).collect(),
        DoorWord::SdVersion => VERSIONS.to_vec(),
        DoorWord::Preset => PRESETS.to_vec(),
    }
}

/// What a word is called by people, where that is something else.
pub(super) fn label(kind: DoorWord, name: &str) -> Option<&'static str> {
    let mut models = MODELS.iter().filter(|_| kind == DoorWord::ModelId);
    let found = models.find(|(id, _)| *id == name);
    found.map(|(_, label)| *label)
}
