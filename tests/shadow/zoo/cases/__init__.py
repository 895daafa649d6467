"""One file a case: in what it differs from the honest script."""
