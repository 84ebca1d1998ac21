"""Read typed formats: JSON, Parquet, Arrow and Excel workbooks. One module per format.

In: a path. Out: a `Table` for the engine.
"""
