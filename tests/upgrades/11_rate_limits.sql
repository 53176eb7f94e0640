UPDATE credentials SET requests_per_second = 250 WHERE id = '01900000-0000-7000-8000-000000000031';
