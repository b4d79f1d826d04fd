"""Files that others read: Dockerfile, requirements, deployment configurations."""
