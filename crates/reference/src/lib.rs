//! What people call images: references, names, tags, familiar and canonical forms.
