//! The EC2 control plane, sans-IO.
