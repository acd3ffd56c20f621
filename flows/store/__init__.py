"""What Cubefeed keeps on disk: the ledger, the segments and the quarantine."""
