-- Everything that was set aside, where ours was until now.
DO $$
DECLARE
  part text;
BEGIN
  FOR part IN
    SELECT CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END || format(' go_praefect.%I', relname)
    FROM pg_class
    WHERE relnamespace = 'go_praefect'::regnamespace AND relkind IN ('r', 'v')
    UNION ALL
    SELECT format('TYPE go_praefect.%I', typname)
    FROM pg_type WHERE typnamespace = 'go_praefect'::regnamespace AND typtype = 'e'
    UNION ALL
    SELECT format('FUNCTION go_praefect.%I()', proname)
    FROM pg_proc WHERE pronamespace = 'go_praefect'::regnamespace
  LOOP
    EXECUTE format('ALTER %s SET SCHEMA %I', part, current_schema());
  END LOOP;
END $$;

DROP SCHEMA go_praefect;
DROP TABLE schema_minimum_readers;
