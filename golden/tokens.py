"""Token ids of the CLIP tokenizer for ordinary and awkward strings, written to `tokens.json`."""
import json

from transformers import CLIPTokenizer

from reference import HERE, TINY

STRINGS = [
    "a photo of a cat", "", " ", "   ", "\t\n", "A PHOTO OF A CAT", "BlobCharV1 smiling face", "blobcharv1", "it's a dog's life",
    "they're we've I'll you'd I'm can't", "3 cats and 42 dogs in 2024", "1234567890", "3.14159", "50% off!!!", "hello,world.how;are:you?",
    "...", "!?!?!?", "rock'n'roll", "''s", "naïve café", "cafe\u0301", "Ünïcödé ÀÉÎÕÜ", "İstanbul ß ẞ", "猫の写真", "Привет, мир", "مرحبا",
    "한국어", "नमस्ते", "😀", "😀😃 smile 👩‍🚀 🏳️‍🌈", "x² ½ ⅷ ²³", "٣٤٥", "<b>bold</b> &amp; <br/>", "&lt;tag&gt; &amp;amp; &#39;", "<|startoftext|>",
    "a <|endoftext|> b", "(red:1.3), [blue], {green}", "under_score-and-dash/and\\slash", "tab\tnew\nline\r\nend", "\u00a0nbsp\u3000wide",
    "zero\u200bwidth\ufeffbom", "a" * 100, "supercalifragilisticexpialidocious antidisestablishmentarianism",
    " ".join(["word"] * 75), " ".join(["word"] * 76), " ".join(f"number{i}" for i in range(60)), "$100 #tag @user ~ ^ ` | =+",
    "\u0000null\u0007bell", "ﬁne ﬂow", "“quotes” ‘single’ – — …", "it’s", "l'été d’hiver", "x\u0301\u0302", "ΑΣΣ Σίσυφος",
    "in the style of blob, 128px, white background",
]


def main():
    tokenizer = CLIPTokenizer.from_pretrained(TINY / "tokenizer")
    entries = []
    for text in STRINGS:
        padded = tokenizer(text, padding="max_length", max_length=77, truncation=True).input_ids
        plain = tokenizer(text, add_special_tokens=False, truncation=False).input_ids
        assert len(padded) == 77
        entries.append({"text": text, "ids": plain, "padded": padded})
    lines = ",\n".join("  " + json.dumps(entry) for entry in entries)
    (HERE / "tokens.json").write_text(f"[\n{lines}\n]\n")
    print(f"tokens.json: {len(entries)} strings")


if __name__ == "__main__":
    main()
