"""Records in other people's formats. Every writer streams; what it makes says what verifying the evidence found."""
