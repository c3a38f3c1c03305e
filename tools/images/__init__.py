"""The container images: built with buildah, and listed by what they hold."""
