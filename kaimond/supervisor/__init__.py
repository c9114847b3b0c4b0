"""Operations on all sessions, and the views of them that are shown."""
