DROP INDEX notices_unread;
