//! What follows from other resources, computed anew after every change.

use wirelab_model::Resources;

pub(crate) fn all(_resources: &mut Resources) {}
