"""The container images: built with buildah, with lists of their contents."""
