//! Inputs that cannot be trained on are refused before anything is written.

use atelier_core::ErrorCode;

use crate::fixture::{Watcher, copy_folder, request, train, train_watched};

#[test]
fn all_bad_settings_are_named_at_once_and_no_folder_appears() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    request.config.epochs = 0;
    request.config.rank = 0;
    let error = train_watched(&request, &Watcher::new(None)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    assert!(
        error.to_string().contains("`epochs`") && error.to_string().contains("`rank`"),
        "{error}"
    );
    assert!(!request.out.exists());
}

#[test]
fn a_damaged_picture_is_named_and_left_out_only_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    std::fs::write(request.dataset.join("broken.png"), b"not a picture").unwrap();
    let error = train_watched(&request, &Watcher::new(None)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadPicture);
    assert!(error.to_string().contains("broken.png"), "{error}");
    assert!(!request.out.exists());
    request.skip_bad = true;
    request.config.epochs = 1;
    let report = train(&request);
    assert_eq!(report.pictures, 5);
    assert!(
        report.skipped[0].contains("broken.png"),
        "{:?}",
        report.skipped
    );
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_names_step_and_picture() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    request.config.learning_rate = 1e30;
    request.config.weight_decay = 0.0;
    request.config.max_grad_norm = 0.0;
    let error = train_watched(&request, &Watcher::new(None)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::LossNotFinite);
    let text = error.to_string();
    assert!(text.contains("at step") && text.contains("disc"), "{text}");
    assert!(!folder.path().join("out/adapter.safetensors").exists());
}

#[test]
fn a_resolution_that_does_not_fit_the_latents_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    request.config.resolution = Some(61);
    let error = train_watched(&request, &Watcher::new(None)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    assert!(error.to_string().contains("multiple of"), "{error}");
    assert!(!request.out.exists());
}

#[test]
fn a_truncated_denoiser_leaves_no_folder_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    let base = folder.path().join("base");
    copy_folder(&request.base, &base);
    let weights = base.join("unet/diffusion_pytorch_model.safetensors");
    let content = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &content[..content.len() / 2]).unwrap();
    request.base = base;
    let error = train_watched(&request, &Watcher::new(None)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadWeights);
    assert!(!request.out.exists());
}

#[test]
fn a_folder_with_notes_that_no_run_wrote_is_refused_and_they_stay() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    request.config.epochs = 1;
    std::fs::create_dir(&request.out).unwrap();
    let notes = request.out.join("notes.json");
    for (content, resume) in [("[\"milk\"]", false), ("milk", true), ("", false)] {
        std::fs::write(&notes, content).unwrap();
        request.resume = resume;
        let error = train_watched(&request, &Watcher::new(None)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput);
        let text = error.to_string();
        assert!(
            text.contains("a file `notes.json` that no run wrote"),
            "{text}"
        );
        assert_eq!(std::fs::read_to_string(&notes).unwrap(), content);
        assert_eq!(std::fs::read_dir(&request.out).unwrap().count(), 1);
    }
    request.resume = false;
    std::fs::write(&notes, r#"{"version": 1, "notes": ["told before"]}"#).unwrap();
    train(&request);
    let kept = std::fs::read_to_string(&notes).unwrap();
    assert!(kept.contains("told before"), "{kept}");
}
