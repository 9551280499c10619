//! The scenarios of this repository compile, whatever the seed.

use std::path::Path;

use wirelab_model::Seed;
use wirelab_scenario::Scenario;

fn scenarios() -> Vec<Scenario> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let entries = std::fs::read_dir(dir).expect("there is a folder `scenarios`");
    let dirs = entries.map(|entry| entry.expect("a readable folder").path());
    let dirs = dirs.filter(|dir| dir.join("scenario.toml").is_file());
    dirs.map(|dir| Scenario::load(&dir).unwrap_or_else(|errors| panic!("{errors}")))
        .collect()
}

#[test]
fn every_variant_of_every_scenario_compiles_on_many_seeds() {
    for scenario in scenarios() {
        for seed in 0..16 {
            for variant in scenario.variants() {
                let plan = scenario.compile_variant(Seed::whole(seed), &variant);
                let plan = plan.unwrap_or_else(|errors| panic!("seed {seed}: {errors}"));
                assert_eq!(plan.variant.name, variant);
            }
        }
    }
}
