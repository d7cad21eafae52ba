"""Made-up leaks for measuring: nobody's keys, passwords and personal data in the places where they really stand."""
